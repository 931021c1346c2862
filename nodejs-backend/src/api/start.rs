//! The first step of every sign-in: a flow in a cookie of its own, and the provider's address.

use std::time::Instant;

use space_kit::header::HeaderMap;
use space_kit::{Error, StatusCode};

use super::request::{cookies, now};
use crate::State;
use crate::callback_url::is_trusted;
use crate::flow::{self, Flow, Start, Way};
use crate::oidc::{Kind, Wishes};
use crate::query;
use crate::seal::SALT;
use crate::state::internal;

/// A sign-in that has begun.
pub(super) struct Begun {
    /// Where the browser goes.
    pub(super) url: String,
    /// Values of `Set-Cookie`.
    pub(super) cookies: Vec<String>,
}

/// Begins a sign-in; the addresses in `start` were judged by [`destination`].
pub(super) async fn begin(
    state: &State,
    headers: &HeaderMap,
    start: Start,
    wishes: &Wishes,
) -> Result<Begun, Error> {
    let provider = state.provider(&start.provider).ok_or_else(not_found)?;
    let now = now();
    let flow = Flow::begin(start, &state.random::<{ flow::RANDOM }>()?, now);
    let url = match &provider.kind {
        Kind::OpenId(client) => {
            let redirect_uri = redirect_uri(state, &flow.start);
            client.authorization_url(&flow, &redirect_uri, wishes, Instant::now()).await?
        }
        Kind::Dev => {
            let way = if flow.start.way == Way::OAuth2 { "oauth2" } else { "callback" };
            let page = format!("{}/dev/sign-in", state.trusted.base());
            query::append(&page, &[("state", &flow.state), ("way", way)])
        }
    };
    let sealed = state.keys.flow.seal(flow.encode().as_bytes(), state.random::<SALT>()?);
    let sealed = sealed.ok_or_else(|| internal("a flow cannot be sealed"))?;
    if sealed.len() > flow::MAX {
        return Err(too_long(&flow.start));
    }
    let name = state.cookies.name(&flow::cookie_name(&flow.state));
    let prefix = state.cookies.name(flow::COOKIE);
    let sent = cookies(headers).filter(|(name, _)| name.starts_with(&prefix));
    let known = sent.map(|(name, value)| {
        let opened = state.keys.flow.open(value).and_then(|opened| Flow::decode(&opened.plain));
        (opened.map_or(0, |flow| flow.expires), name, name.len() + value.len())
    });
    let old = flow::superfluous(known, name.len() + sealed.len(), state.cookies.copies(), now);
    let mut set: Vec<String> = old.iter().flat_map(|old| state.cookies.clear(old)).collect();
    set.extend(state.cookies.set(&name, &sealed, flow::LIFE));
    Ok(Begun { url, cookies: set })
}

/// The error for addresses that no cookie holds. It names the longest.
fn too_long(start: &Start) -> Error {
    let (callback, error) = (start.callback_url.len(), start.error_url.as_deref().map_or(0, str::len));
    let (name, length) =
        if error > callback { ("errorCallbackURL", error) } else { ("callbackURL", callback) };
    let message = format!(
        "{name} is too long: it has {length} bytes, and the addresses to return to have about 600 together"
    );
    Error::new(StatusCode::BAD_REQUEST, "bad_request", message).param(name)
}

/// Where a visitor is sent afterwards: as asked, or to the service's own page. `code` names the refusal.
pub(super) fn destination(
    state: &State,
    asked: Option<&str>,
    code: &'static str,
) -> Result<Option<String>, Error> {
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else { return Ok(None) };
    if is_trusted(asked, &state.trusted) {
        return Ok(Some(asked.to_owned()));
    }
    let message = "an address to return to must be a path of this service or be on a site in TRUSTED_ORIGINS";
    Err(Error::new(StatusCode::FORBIDDEN, code, message))
}

/// The address that the provider sends the browser back to.
pub(super) fn redirect_uri(state: &State, start: &Start) -> String {
    let path = if start.way == Way::OAuth2 { "oauth2/callback" } else { "callback" };
    format!("{}/api/auth/{path}/{}", state.trusted.base(), start.provider)
}

/// The error for a provider that there is not.
pub(super) fn not_found() -> Error {
    Error::new(StatusCode::NOT_FOUND, "provider_not_found", "there is no sign-in provider of this name here")
}
