//! `GET /`: a playground for browsers, links for programs.

pub(crate) mod clients;

use serde_json::json;
use space_kit::{Body, Call, Response, respond};

use crate::state::State;

const HTML: &str = include_str!("page.html");

/// The page may run only its own style and script (by their hashes) and connect only to this service. The Hub
/// may frame it, because the Hub shows a Space in an iframe.
const POLICY: &str = "default-src 'none'; connect-src 'self'; style-src 'sha256-JuFznXI/99ip3q9q8ve4EZ/sm0ccSqfit8krEZV8sSU='; \
                      script-src 'sha256-nimKr2xjNgyJvDmZiddmBQzu83fWnLQJe1/+zWrhA4s='; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'self' https://huggingface.co";

pub(crate) fn front(call: &Call<State>) -> Response<Body> {
    let kit = &call.kit;
    let links = json!({
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
    respond::front(&call.head.headers, HTML, POLICY, &links)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_only_the_pages_own_style_and_script() {
        space_kit::testing::assert_policy_fits(HTML, POLICY);
    }
}
