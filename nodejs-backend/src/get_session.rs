//! `GET /api/auth/get-session`.

use space_kit::header::{CACHE_CONTROL, HeaderValue, PRAGMA};
use space_kit::{Body, Response, respond};

/// The visitor's session: `null`, Better Auth's word for "signed out".
pub(crate) fn get() -> Response<Body> {
    let mut response = respond::json_text("null");
    response.headers_mut().insert(CACHE_CONTROL, respond::NO_STORE);
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
