//! `GET /api/auth/get-session`.

use space_kit::header::{HeaderName, HeaderValue};
use space_kit::{Call, Error, HandlerResult, respond};

use super::accounts::SET_AUTH_TOKEN;
use super::{request, tokens};
use crate::State;
use crate::error::internal;
use crate::session::account_cookie::FoundAccount;
use crate::session::cookie::{Credential, FoundSession};
use crate::web::response::{no_store, with_cookies};

/// The header in which Better Auth's JWT plugin returns a token for other backends.
const SET_AUTH_JWT: HeaderName = HeaderName::from_static("set-auth-jwt");

/// Returns the visitor's session and a token for other backends, or `null`. A session in use is renewed.
pub(crate) fn get(call: &Call<State>) -> HandlerResult {
    let (state, headers, now) = (&call.state, &call.head.headers, request::now().unix);
    let sessions = state.sessions();
    let Some(found) = sessions.find(headers, now) else {
        let mut cleared = if sessions.has_cookie(headers) { sessions.clear() } else { Vec::new() };
        cleared.extend(sessions.clear_account_of(headers));
        return with_cookies(no_store(respond::json_text("null")), cleared);
    };
    let FoundSession { session, credential, current } = found;
    let params = request::params(call.head.uri.query().unwrap_or_default())?;
    let renewed = match params.get("disableRefresh") {
        Some("true") => None,
        _ => session.renew(now, sessions.lifetime(credential), !current),
    };
    let session = renewed.as_ref().unwrap_or(&session);
    let mut response = no_store(respond::json(&session.json()));
    response.headers_mut().insert(SET_AUTH_JWT, header(&tokens::issue(state, session, None, now)?)?);
    let Some(renewed) = &renewed else { return Ok(response) };
    let (mut cookies, mut sealed) = (Vec::new(), None);
    // A session that outlives a removed secret keeps its account, and a bearer token contains it.
    let kept = |found: &FoundAccount| !found.current || credential == Credential::Bearer;
    if let Some(found) = sessions.account(headers, renewed).filter(kept) {
        let kept = sessions.set_account(&found.account, now, state.random()?);
        (cookies, sealed) = (kept.cookies, kept.sealed);
    }
    match credential {
        Credential::Cookie => cookies.extend(sessions.set(renewed, now, state.random()?)?),
        Credential::Bearer => {
            let token = sessions.bearer_token(renewed, sealed, state.random()?)?;
            response.headers_mut().insert(SET_AUTH_TOKEN, header(&token)?);
        }
    }
    with_cookies(response, cookies)
}

fn header(text: &str) -> Result<HeaderValue, Error> {
    HeaderValue::try_from(text).map_err(|_| internal("a token is not a valid header value"))
}
