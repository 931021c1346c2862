//! An error response, in the form of the API that the request's path belongs to.

use space_kit::{Bytes, Error, HeaderMap};

use super::{anthropic, openai};

/// The body of an error response, and its headers.
pub(crate) fn render(error: &Error, path: &str, headers: &mut HeaderMap) -> Bytes {
    let body = openai::render(error, headers);
    if !anthropic::is_path(path) {
        return body;
    }
    if let Some(id) = headers.get("x-request-id").cloned() {
        anthropic::name_request(headers, id);
    }
    anthropic::body(error).into()
}
