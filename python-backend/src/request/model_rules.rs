//! Where `MODELS` limits the models: what would name another one than the member `model` that the gateway checks.

use space_kit::{Error, StatusCode};

use crate::errors::openai::invalid;
use crate::json;

/// Members with more models: fallbacks of OpenRouter and LiteLLM.
const MORE_MODELS: [&str; 2] = ["models", "fallbacks"];

/// Checks that nothing but the body's `model` names a model.
///
/// # Errors
///
/// 400 if the query or another member of the body may name one, 404 if the path does.
pub(crate) fn check(path: &str, query: Option<&str>, body: &[u8]) -> Result<(), Error> {
    if path.to_ascii_lowercase().starts_with("/engines/") {
        let message = "this service limits the models (MODELS), so the model must be in the request's body";
        return Err(Error::new(StatusCode::NOT_FOUND, "unknown_url", message));
    }
    let mut keys = query.unwrap_or_default().split('&').filter_map(|pair| pair.split('=').next());
    if keys.any(names_model) {
        return Err(refused("model"));
    }
    if let Ok(members) = json::members(body, MORE_MODELS)
        && let Some(name) = MORE_MODELS.into_iter().find(|name| members.get(name).is_some())
    {
        return Err(refused(name));
    }
    Ok(())
}

/// Whether a key of a query may name a model. What is encoded is refused, because `model` needs no encoding.
fn names_model(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.contains('%') && key.contains("%6") || MORE_MODELS.contains(&key.as_str()) || key.starts_with("model")
}

fn refused(name: &'static str) -> Error {
    invalid(name, "this service limits the models (MODELS): name one, as model in the request's body")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_member_model_may_name_a_model() {
        let ask = |path, query, body: &str| {
            check(path, query, body.as_bytes()).map_err(|error| error.status.as_u16())
        };
        assert_eq!(ask("/chat/completions", Some("api-version=1&stream=a%20b"), r#"{"model":"m"}"#), Ok(()));
        for query in [
            "model=x",
            "a=b&model=x",
            "Model=x",
            "m%6Fdel=x",
            "%6dodel=x",
            "models=x",
            "model[]=x",
            "fallbacks=x",
        ] {
            assert_eq!(ask("/responses", Some(query), ""), Err(400), "{query}");
        }
        for body in [r#"{"model":"m","models":["x"]}"#, r#"{"fallbacks":null}"#, r#"{"mod\u0065ls":[]}"#] {
            assert_eq!(ask("/responses", None, body), Err(400), "{body}");
        }
        assert_eq!(ask("/engines/x/completions", None, "{}"), Err(404));
        assert_eq!(ask("/Engines/x/completions", None, "{}"), Err(404));
    }
}
