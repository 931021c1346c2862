//! An error response, in the form of the API that the request's path belongs to.

use space_kit::{Bytes, Error, HeaderMap};

use super::{anthropic, openai};

/// The body of an error response, and its headers.
pub(crate) fn render(error: &Error, path: &str, headers: &mut HeaderMap) -> Bytes {
    let body = openai::render(error, headers);
    let below = path.strip_prefix("/v1/messages");
    match below.is_some_and(|below| below.is_empty() || below.starts_with('/')) {
        true => {
            anthropic::name_request(headers);
            anthropic::body(error).into()
        }
        false => body,
    }
}
