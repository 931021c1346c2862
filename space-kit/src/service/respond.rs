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

/// The response at `/`: a self-contained page for browsers, which accept `text/html`, and JSON for other clients.
pub fn front(
    headers: &HeaderMap,
    html: &'static str,
    policy: &'static str,
    json: &serde_json::Value,
) -> Response<Body> {
    let mut response = if wants_page(headers) { page(html, policy) } else { self::json(json) };
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// 200 with a self-contained page under a content security policy.
fn page(html: &'static str, policy: &'static str) -> Response<Body> {
    let html_type = HeaderValue::from_static("text/html; charset=utf-8");
    let mut response = with(StatusCode::OK, html_type, Bytes::from_static(html.as_bytes()));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}
