//! `GET /`: a playground for browsers, links for programs.

pub(crate) mod clients;

use serde_json::{Value, json};
use space_kit::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use space_kit::{Body, Call, Response, respond};

use crate::state::State;

const HTML: &str = include_str!("page.html");

/// The page may run only its styles and script (by their hashes) and connect only to this service. The Hub
/// may frame it, because the Hub shows a Space in an iframe.
const POLICY: &str = "default-src 'none'; connect-src 'self'; style-src 'sha256-0QMNxOkdRWDWUdqgdXAu00l5E3qXgR0RpQzKLWDdC1U=' 'sha256-hlQOaHV7BnT3vbJI1qdpqy+kosjGvTLPf3n7ncDQ8gU='; \
                      script-src 'sha256-ySSIAPYC1aZrWfbhn6UgFQRQNr5C+EGqcf8VqgsghM8='; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'self' https://huggingface.co";

pub(crate) fn front(call: &Call<State>) -> Response<Body> {
    let kit = &call.kit;
    let mut about = json!({
        "service": kit.name,
        "version": kit.version,
        "links": {
            "models": "/v1/models",
            "chat_completions": "/v1/chat/completions",
            "embeddings": "/v1/embeddings",
            "health": "/health",
            "openapi": "/openapi.json",
        },
    });
    let sign_in = call.state.access.sign_in();
    if let (Some(origin), Some(links)) = (sign_in, about.get_mut("links").and_then(Value::as_object_mut)) {
        links.insert("sign_in".to_owned(), origin.into());
    }
    let mut response = respond::front(&call.head.headers, HTML, POLICY, &about);
    if let (Some(origin), Some(policy)) = (sign_in, response.headers_mut().get_mut(CONTENT_SECURITY_POLICY))
        && let Ok(wider) = HeaderValue::try_from(with_sign_in(origin))
    {
        *policy = wider;
    }
    response
}

/// The policy of a page that also runs the script of nodejs-backend at this origin, and connects to it.
fn with_sign_in(origin: &str) -> String {
    POLICY
        .replace("connect-src 'self'", &format!("connect-src 'self' {origin}"))
        .replace("; base-uri", &format!(" {origin}/sign-in/v1.js; base-uri"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_only_the_pages_own_style_and_script() {
        let html = [respond::PAGE_HEAD, HTML].concat();
        space_kit::testing::assert_policy_fits(&html, POLICY);
        let wider = with_sign_in("https://auth.example");
        space_kit::testing::assert_policy_fits(&html, &wider);
        let added =
            wider.replace(" https://auth.example/sign-in/v1.js", "").replace(" https://auth.example", "");
        assert_eq!((added.as_str(), wider.matches("auth.example").count()), (POLICY, 2));
    }
}
