//! `GET /`: a page for browsers, links for everybody else.

use serde_json::json;
use space_kit::{Body, Call, Response, respond};

use crate::State;

const HTML: &str = include_str!("page.html");

/// The page runs exactly its own style and script (their hashes), loads nothing, and may be framed by the
/// Hub, which shows a Space in an iframe.
const POLICY: &str = "default-src 'none'; style-src 'sha256-Sf6Xiq4hsxy2GGn9qxPYem0as+6W5Vzcuc6NuHrduDE='; script-src 'sha256-VUknKOIal7uI0oVt782Ijb0tw1CrH3iOPFUoDzyrnaY='; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'self' https://huggingface.co";

pub(crate) fn front(call: &Call<State>) -> Response<Body> {
    let service = call.app.service;
    let links = json!({
        "service": service.name,
        "version": service.version,
        "links": {
            "session": "/api/auth/get-session",
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
