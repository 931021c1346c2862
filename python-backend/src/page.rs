//! `GET /`: a page for browsers, links for everybody else.

use serde_json::json;
use space_kit::{Body, Call, Response, respond};

use crate::config::State;

const HTML: &str = include_str!("page.html");

/// The page runs exactly its own style and script (their hashes), talks to this service alone, and may be framed
/// by the Hub, which shows a Space in an iframe.
const POLICY: &str = "default-src 'none'; connect-src 'self'; style-src 'sha256-JuFznXI/99ip3q9q8ve4EZ/sm0ccSqfit8krEZV8sSU='; \
                      script-src 'sha256-nSUhUD8Vv11RefrSdwanS7e6Qg/+/RvHdt9e3N91fWw='; base-uri 'none'; form-action 'none'; \
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
    fn the_policy_allows_exactly_the_pages_own_style_and_script() {
        space_kit::testing::assert_policy_fits(HTML, POLICY);
    }
}
