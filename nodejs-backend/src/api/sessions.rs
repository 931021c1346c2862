//! The session of a request: a sealed cookie, or a sealed token in `Authorization: Bearer`.

use space_kit::Error;
use space_kit::header::{AUTHORIZATION, HeaderMap};

use super::request::cookies;
use crate::State;
use crate::seal::{SALT, Sealer};
use crate::session::Session;
use crate::state::internal;

/// The session cookie's name, without what stands before it.
pub(super) const COOKIE: &str = "session";

/// How a session came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Cookie,
    Bearer,
}

/// A session that counts.
pub(super) struct Found {
    pub(super) session: Session,
    pub(super) by: By,
    /// It was sealed with the current key.
    pub(super) current: bool,
}

/// The session to use. A token goes before cookies; of several cookies the one that was renewed last counts.
pub(super) fn find(state: &State, headers: &HeaderMap, now: u64) -> Option<Found> {
    let counting = every(state, headers).filter_map(|found| counts(state, found, now));
    let all: Vec<Found> = counting.collect();
    all.into_iter().max_by_key(|found| (found.by == By::Bearer, found.session.renewed))
}

/// Every session that the request brings and that this service sealed, whether it counts or not: a browser may
/// send one cookie twice, from two of its partitions.
pub(super) fn every<'a>(state: &'a State, headers: &'a HeaderMap) -> impl Iterator<Item = Found> + 'a {
    let open = |sealer: &Sealer, text: &str, by: By| {
        let opened = sealer.open(text)?;
        Some(Found { session: Session::decode(&opened.plain)?, by, current: opened.current })
    };
    let name = state.cookies.name(COOKIE);
    let sent = cookies(headers).filter(move |(found, _)| *found == name);
    let by_cookie = sent.filter_map(move |(_, value)| open(&state.keys.session, value, By::Cookie));
    let by_bearer = bearer(headers).and_then(|token| open(&state.keys.bearer, token, By::Bearer));
    by_bearer.into_iter().chain(by_cookie)
}

/// Whether the request has a session cookie, of whatever content.
pub(super) fn has_cookie(state: &State, headers: &HeaderMap) -> bool {
    let name = state.cookies.name(COOKIE);
    cookies(headers).any(|(found, value)| found == name && !value.is_empty())
}

/// Values of `Set-Cookie` that keep a session until its end.
pub(super) fn set(state: &State, session: &Session, now: u64) -> Result<Vec<String>, Error> {
    let sealed = seal(state, &state.keys.session, session)?;
    let age = session.expires.saturating_sub(now);
    Ok(state.cookies.set(&state.cookies.name(COOKIE), &sealed, age).collect())
}

/// Values of `Set-Cookie` that delete the session.
pub(super) fn clear(state: &State) -> Vec<String> {
    state.cookies.clear(&state.cookies.name(COOKIE)).collect()
}

/// The session as a token for `Authorization: Bearer`.
pub(super) fn bearer_token(state: &State, session: &Session) -> Result<String, Error> {
    seal(state, &state.keys.bearer, session)
}

fn seal(state: &State, sealer: &Sealer, session: &Session) -> Result<String, Error> {
    let salt = state.random::<SALT>()?;
    let sealed = sealer.seal(session.encode().as_bytes(), salt);
    sealed.ok_or_else(|| internal("a session cannot be sealed"))
}

/// The session, if it counts, with the end that it has under today's settings.
fn counts(state: &State, mut found: Found, now: u64) -> Option<Found> {
    let life = match found.by {
        By::Cookie => state.lives.session,
        By::Bearer => state.lives.bearer,
    };
    let session = &mut found.session;
    let counts = session.counts(now, life, state.epoch) && !state.signed_out.has(&session.id, now);
    session.expires = session.end(life);
    counts.then_some(found)
}

/// RFC 6750 section 2.1; the scheme is case-insensitive.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
