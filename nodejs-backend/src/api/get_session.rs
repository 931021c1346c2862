//! `GET /api/auth/get-session`.

use space_kit::header::{HeaderName, HeaderValue};
use space_kit::{Call, Error, HandlerResult, respond};

use super::sessions::{self, By, Found};
use super::{no_store, request, tokens, with_cookies};
use crate::State;
use crate::state::internal;

/// A token for other backends, as Better Auth's JWT plugin gives it.
const SET_AUTH_JWT: HeaderName = HeaderName::from_static("set-auth-jwt");
/// A renewed bearer token, as Better Auth's bearer plugin gives it.
const SET_AUTH_TOKEN: HeaderName = HeaderName::from_static("set-auth-token");

/// The visitor's session and a token for other backends, or `null`. A session in use is renewed.
pub(crate) fn get(call: &Call<State>) -> HandlerResult {
    let (state, headers, now) = (&call.state, &call.head.headers, request::now());
    let Some(found) = sessions::find(state, headers, now) else {
        let gone = if sessions::has_cookie(state, headers) { sessions::clear(state) } else { Vec::new() };
        return with_cookies(no_store(respond::json_text("null")), gone);
    };
    let Found { session, by, current } = found;
    let life = if by == By::Cookie { state.lives.session } else { state.lives.bearer };
    let params = request::params(call.head.uri.query().unwrap_or_default())?;
    let renewed = match params.get("disableRefresh") {
        Some("true") => None,
        _ => session.renew(now, life, !current),
    };
    let session = renewed.as_ref().unwrap_or(&session);
    let mut response = no_store(respond::json(&session.json()));
    response.headers_mut().insert(SET_AUTH_JWT, header(&tokens::issue(state, session, now)?)?);
    match (&renewed, by) {
        (None, _) => Ok(response),
        (Some(renewed), By::Cookie) => with_cookies(response, sessions::set(state, renewed, now)?),
        (Some(renewed), By::Bearer) => {
            response.headers_mut().insert(SET_AUTH_TOKEN, header(&sessions::bearer_token(state, renewed)?)?);
            Ok(response)
        }
    }
}

fn header(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(text).map_err(|_| internal("a token does not fit a header"))
}
