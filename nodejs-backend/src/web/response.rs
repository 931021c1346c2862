//! Responses that all endpoints build in the same way.

use space_kit::header::{
    CACHE_CONTROL, HeaderName, HeaderValue, LOCATION, PRAGMA, REFERRER_POLICY, SET_COOKIE,
};
use space_kit::{Body, Error, HandlerResult, Response, StatusCode, respond};

use crate::error::internal;

/// Forbids every cache to store the response.
pub(crate) fn no_store(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, respond::NO_STORE);
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// Adds cookies, which are values of `Set-Cookie`.
///
/// # Errors
///
/// 500 if a cookie is not a valid header value.
pub(crate) fn with_cookies(
    mut response: Response<Body>,
    cookies: impl IntoIterator<Item = String>,
) -> HandlerResult {
    for cookie in cookies {
        let value =
            HeaderValue::try_from(cookie).map_err(|_| internal("a cookie is not a valid header value"))?;
        response.headers_mut().append(SET_COOKIE, value);
    }
    Ok(response)
}

/// A 302 to an address that the caller has checked. No `Referer` follows, so that the target never sees the query of
/// this request.
///
/// # Errors
///
/// 500 if the address or a cookie is not a valid header value.
pub(crate) fn redirect(address: &str, cookies: impl IntoIterator<Item = String>) -> HandlerResult {
    let mut response = respond::no_content();
    *response.status_mut() = StatusCode::FOUND;
    set_header(&mut response, LOCATION, address)?;
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    with_cookies(no_store(response), cookies)
}

/// Sets a header to a text.
///
/// # Errors
///
/// 500 if the text is not a valid header value.
pub(crate) fn set_header(response: &mut Response<Body>, name: HeaderName, text: &str) -> Result<(), Error> {
    let value = HeaderValue::try_from(text).map_err(|_| internal("a text is not a valid header value"))?;
    response.headers_mut().insert(name, value);
    Ok(())
}
