//! The endpoints, a file each, and what they share.

pub(crate) mod callback;
pub(crate) mod dev;
pub(crate) mod error_page;
pub(crate) mod front;
pub(crate) mod get_session;
pub(crate) mod login;
mod pages;
pub(crate) mod popup;
mod request;
mod sessions;
pub(crate) mod sign_in;
pub(crate) mod sign_out;
mod start;
pub(crate) mod tokens;
mod visit;

use space_kit::header::{
    CACHE_CONTROL, HeaderName, HeaderValue, LOCATION, PRAGMA, REFERRER_POLICY, SET_COOKIE,
};
use space_kit::{Body, HandlerResult, Response, StatusCode, respond};

use crate::state::internal;

/// Never to be kept by any cache.
fn no_store(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, respond::NO_STORE);
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// An answer with cookies (values of `Set-Cookie`).
fn with_cookies(mut response: Response<Body>, cookies: impl IntoIterator<Item = String>) -> HandlerResult {
    for cookie in cookies {
        let value = HeaderValue::try_from(cookie).map_err(|_| internal("a cookie does not fit a header"))?;
        response.headers_mut().append(SET_COOKIE, value);
    }
    Ok(response)
}

/// 302 to an address that was judged before. It never carries on what the request brought along.
fn redirect(address: &str, cookies: impl IntoIterator<Item = String>) -> HandlerResult {
    let mut response = respond::no_content();
    *response.status_mut() = StatusCode::FOUND;
    set(&mut response, LOCATION, address)?;
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    with_cookies(no_store(response), cookies)
}

/// Sets a header to text that may not fit one.
fn set(response: &mut Response<Body>, name: HeaderName, text: &str) -> Result<(), space_kit::Error> {
    let value = HeaderValue::try_from(text).map_err(|_| internal("an address does not fit a header"))?;
    response.headers_mut().insert(name, value);
    Ok(())
}
