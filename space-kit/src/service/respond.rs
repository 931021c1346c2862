//! Builders for common responses.

use bytes::Bytes;
use hyper::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, REFERRER_POLICY,
    VARY,
};
use hyper::{Response, StatusCode};

use crate::service::body::Body;

/// `application/json`.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// `no-store`: no cache may store the response.
pub const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// `nosniff`: browsers must not guess another content type.
pub(crate) const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// How every page begins, with the style that all pages share. The rest begins with the title.
pub const PAGE_HEAD: &str = include_str!("page_head.html");
/// The source of the style in [`PAGE_HEAD`] for the policy of a page.
pub const PAGE_STYLE: &str = "'sha256-0QMNxOkdRWDWUdqgdXAu00l5E3qXgR0RpQzKLWDdC1U='";

const HTML: &[u8] = b"text/html";
const NOT_FOUND: &str = "<title>Page not found</title>\n<main>\n<h1>Page not found</h1>\n\
    <p>There is nothing at this address.</p>\n<p><a class=\"primary\" href=\"/\">Go to the start page</a></p>\n</main>\n";
const NOT_FOUND_POLICY: &str = "default-src 'none'; style-src 'sha256-0QMNxOkdRWDWUdqgdXAu00l5E3qXgR0RpQzKLWDdC1U='; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'self' https://huggingface.co";

/// A response with a status, a content type and a body.
pub fn with(status: StatusCode, content_type: HeaderValue, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// 200 with a JSON value.
pub fn json(value: &serde_json::Value) -> Response<Body> {
    with(StatusCode::OK, JSON, Bytes::from(to_json(value)))
}

/// A value as JSON text. `to_string` would return the same through a formatter, slower and with twice the code.
pub fn to_json(value: &serde_json::Value) -> String {
    serde_json::to_string(value).unwrap_or_default() // fails only for maps whose keys are not strings
}

/// 200 with JSON text that is a constant.
pub fn json_text(text: &'static str) -> Response<Body> {
    with(StatusCode::OK, JSON, Bytes::from_static(text.as_bytes()))
}

/// 204 without a body.
pub fn no_content() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// The response at `/`: a [`page`] for browsers, which accept `text/html`, and JSON for other clients.
pub fn front(
    headers: &HeaderMap,
    html: &'static str,
    policy: &'static str,
    json: &serde_json::Value,
) -> Response<Body> {
    let mut response = match wants_page(headers) {
        true => page(StatusCode::OK, html, HeaderValue::from_static(policy)),
        false => self::json(json),
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A self-contained page: [`PAGE_HEAD`] and `html`, under a content security policy.
pub fn page(status: StatusCode, html: &str, policy: HeaderValue) -> Response<Body> {
    let html_type = const { HeaderValue::from_static("text/html; charset=utf-8") };
    let mut response = with(status, html_type, [PAGE_HEAD, html].concat());
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    response.headers_mut().insert(REFERRER_POLICY, const { HeaderValue::from_static("no-referrer") });
    response
}

/// The 404 for a browser. Programs get the service's own error instead.
pub(crate) fn not_found_page() -> Response<Body> {
    let policy = const { HeaderValue::from_static(NOT_FOUND_POLICY) };
    let mut response = page(StatusCode::NOT_FOUND, NOT_FOUND, policy);
    response.headers_mut().insert(VARY, const { HeaderValue::from_static("accept") });
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// Whether the client accepts `text/html` by name, as browsers do when they navigate.
pub fn wants_page(headers: &HeaderMap) -> bool {
    // `contains` would link a second search.
    let accepts = |kinds: &HeaderValue| kinds.as_bytes().windows(HTML.len()).any(|window| window == HTML);
    headers.get_all(ACCEPT).iter().any(accepts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_allows_only_the_style_that_all_pages_share() {
        let html = [PAGE_HEAD, NOT_FOUND].concat();
        crate::testing::assert_policy_fits(&html, NOT_FOUND_POLICY);
        assert!(NOT_FOUND_POLICY.contains(PAGE_STYLE));
    }
}
