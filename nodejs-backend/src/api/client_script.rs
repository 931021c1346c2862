//! `GET /sign-in/v1.js`: the script that signs visitors in from a site on any domain.

use space_kit::header::{CACHE_CONTROL, HeaderValue};
use space_kit::{Body, Call, Response, StatusCode, respond};

use crate::State;

/// A site includes the script with its hash, so a change of one byte needs a new version beside this one.
const SCRIPT: &str = include_str!("v1.js");

pub(crate) fn get(_: &Call<State>) -> Response<Body> {
    let javascript = HeaderValue::from_static("text/javascript; charset=utf-8");
    let mut response = respond::with(StatusCode::OK, javascript, SCRIPT);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}
