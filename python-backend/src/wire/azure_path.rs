//! Paths as Azure's clients send them: `/openai/deployments/NAME/chat/completions`, `/openai/…` and `/openai/v1/…`
//! instead of `/v1/…`, with `?api-version=…`.

use hyper::Uri;
use space_kit::Error;

use super::model_path;
use crate::errors::openai::invalid;

/// Endpoints of a deployment, in an order in which none hides another.
const ENDPOINTS: [&str; 8] = [
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/audio/transcriptions",
    "/audio/translations",
    "/audio/speech",
    "/images/generations",
    "/images/edits",
];

/// The name of the deployment that a path contains, still encoded, and the path below the base URL.
fn split(path: &str) -> (Option<&str>, &str) {
    let Some(below) = path.strip_prefix("/openai/").and(path.get(7..)) else {
        return (None, path.strip_prefix("/v1").unwrap_or(path));
    };
    // Some clients do not encode the slash of `org/name`.
    let named = below
        .strip_prefix("/deployments/")
        .and_then(|named| ENDPOINTS.iter().find_map(|end| Some((named.strip_suffix(end)?, *end))));
    match named {
        Some((name, endpoint)) => (Some(name), endpoint),
        None => (None, below.strip_prefix("/v1").filter(|rest| rest.starts_with('/')).unwrap_or(below)),
    }
}

/// The path below the base URL.
pub(crate) fn below(path: &str) -> &str {
    split(path).1
}

/// The deployment that a path names. It is the request's model.
///
/// # Errors
///
/// 400 if it cannot be the id of a model.
pub(crate) fn deployment(path: &str) -> Result<Option<String>, Error> {
    let decoded = |name| {
        model_path::decode(name).ok_or_else(|| invalid("model", "the deployment must be the id of a model"))
    };
    split(path).0.map(decoded).transpose()
}

/// A path with the query of the client's request. `api-version` selects a version of Azure's API, so that it is not
/// for the upstream, whose own is in its address.
pub(crate) fn with_query(path: &str, uri: &Uri) -> String {
    let Some(query) = uri.query() else { return path.to_owned() };
    let is_azure = uri.path().starts_with("/openai/");
    let mut whole = path.to_owned();
    for pair in query.split('&').filter(|pair| !is_azure || !pair.starts_with("api-version=")) {
        whole.push(if whole.len() == path.len() { '?' } else { '&' });
        whole.push_str(pair);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_of_azures_is_one_below_the_base_url_and_may_name_a_deployment() {
        for (path, name, below) in [
            ("/v1/chat/completions", None, "/chat/completions"),
            ("/openai/v1/responses", None, "/responses"),
            ("/openai/responses/x", None, "/responses/x"),
            ("/openai/v1x/y", None, "/v1x/y"),
            ("/openai/deployments/gpt/chat/completions", Some("gpt"), "/chat/completions"),
            ("/openai/deployments/org/m/completions", Some("org/m"), "/completions"),
            ("/openai/deployments/gpt/other", None, "/deployments/gpt/other"),
        ] {
            assert_eq!(split(path), (name, below), "{path}");
        }
        assert_eq!(deployment("/openai/deployments/a%2Fb/embeddings").unwrap().as_deref(), Some("a/b"));
        for odd in ["..", "a//b", "%ff", "", "a/../b"] {
            assert!(deployment(&format!("/openai/deployments/{odd}/embeddings")).is_err(), "{odd}");
        }
    }

    #[test]
    fn the_version_of_azures_api_is_not_sent_to_another() {
        let sent = |uri: &str| with_query("/files", &uri.parse().unwrap());
        assert_eq!(sent("/openai/files?api-version=2024-10-21"), "/files");
        assert_eq!(sent("/openai/files?a=1&api-version=2024-10-21&b"), "/files?a=1&b");
        assert_eq!(sent("/v1/files?api-version=1&a"), "/files?api-version=1&a");
        assert_eq!(sent("/v1/files"), "/files");
    }

    proptest! {
        #[test]
        fn what_is_below_the_base_url_begins_with_a_slash(path in "(/openai|/v1|/deployments/|/chat/completions|[a-z/.%]){0,8}") {
            for base in ["/openai/", "/v1/"] {
                let path = format!("{base}{path}");
                prop_assert!(below(&path).starts_with('/'), "{}", path);
            }
        }
    }
}
