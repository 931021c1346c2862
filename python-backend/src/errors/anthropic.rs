//! Errors in the form that Anthropic's clients parse (Anthropic API, "Errors").

use serde_json::json;
use space_kit::header::HeaderValue;
use space_kit::respond::to_json;
use space_kit::{Error, HeaderMap, StatusCode};

/// The JSON of an error, for a body or an event of a stream.
pub(crate) fn body(error: &Error) -> String {
    let kind = kind(error.status);
    to_json(&json!({"type": "error", "error": {"type": kind, "message": error.message}}))
}

/// Whether the path of a request belongs to Anthropic's API.
pub(crate) fn is_path(path: &str) -> bool {
    let below = path.strip_prefix("/v1/messages");
    below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// Repeats the request's id under the name that Anthropic's clients show, unless the upstream gave its own.
pub(crate) fn name_request(headers: &mut HeaderMap, id: HeaderValue) {
    headers.entry("request-id").or_insert(id);
}

/// Anthropic's `type` for a status.
fn kind(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 | 503 => "rate_limit_error", // the service sends 429 instead of its own 503
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}
