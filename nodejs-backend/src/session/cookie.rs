//! The session of a request: a sealed cookie, or a sealed token in `Authorization: Bearer`.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use std::hash::RandomState;

use space_kit::Error;
use space_kit::header::{AUTHORIZATION, HeaderMap};

use super::replay::ReplayCache;
use super::{Lifetime, Lifetimes, Session};
use crate::crypto::keys::{Deferred, Keys};
use crate::error::internal;
use crate::web::cookie::{self, CookieSettings};
use space_kit::seal::{SALT, Sealer};

/// The name of the session cookie without its prefix.
const COOKIE: &str = "session";

/// The form in which a request carries its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Credential {
    Cookie,
    Bearer,
}

/// A session that this service sealed.
pub(crate) struct FoundSession {
    pub(crate) session: Session,
    pub(crate) credential: Credential,
    /// Whether the current key sealed it.
    pub(crate) current: bool,
}

/// Reads and writes the sessions of requests.
pub(crate) struct Sessions<'a> {
    /// Derived only when a request carries a session.
    pub(crate) keys: &'a Deferred<Keys>,
    pub(crate) cookies: CookieSettings,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) epoch: u64,
    pub(crate) revoked: &'a ReplayCache<RandomState>,
}

impl<'a> Sessions<'a> {
    /// The valid session of a request. A bearer token is preferred to cookies; of several cookies, the one that was
    /// renewed last.
    pub(crate) fn find(&self, headers: &'a HeaderMap, now: u64) -> Option<FoundSession> {
        let valid = self.all(headers).filter_map(|found| self.validate(found, now));
        let valid: Vec<FoundSession> = valid.collect();
        valid.into_iter().max_by_key(|found| (found.credential == Credential::Bearer, found.session.renewed))
    }

    /// Every session of the request that this service sealed, valid or not. A browser may send the cookie twice, once
    /// from each of two partitions.
    pub(crate) fn all(&self, headers: &'a HeaderMap) -> impl Iterator<Item = FoundSession> + use<'a> {
        let keys = self.keys;
        let open = |sealer: &Sealer, text: &str, credential: Credential| {
            let unsealed = sealer.open(text)?;
            let session = Session::decode(&unsealed.plain)?;
            Some(FoundSession { session, credential, current: unsealed.current })
        };
        let name = self.cookies.name(COOKIE);
        let cookies = cookie::of_request(headers).filter(move |(found, _)| *found == name);
        let by_cookie = cookies.filter_map(move |(_, value)| open(&keys.session, value, Credential::Cookie));
        let by_bearer = bearer(headers).and_then(|token| open(&keys.bearer, token, Credential::Bearer));
        by_bearer.into_iter().chain(by_cookie)
    }

    /// Whether the request has a session cookie, whatever its content.
    pub(crate) fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let name = self.cookies.name(COOKIE);
        cookie::of_request(headers).any(|(found, value)| found == name && !value.is_empty())
    }

    /// Values of `Set-Cookie` that keep a session until its end. `salt` must be random.
    ///
    /// # Errors
    ///
    /// 500 if the session cannot be sealed.
    pub(crate) fn set(&self, session: &Session, now: u64, salt: [u8; SALT]) -> Result<Vec<String>, Error> {
        let sealed = seal(&self.keys.session, session, salt)?;
        let age = session.expires.saturating_sub(now);
        Ok(self.cookies.set(&self.cookies.name(COOKIE), &sealed, age).collect())
    }

    /// Values of `Set-Cookie` that delete the session cookie.
    pub(crate) fn clear(&self) -> Vec<String> {
        self.cookies.clear(&self.cookies.name(COOKIE)).collect()
    }

    /// The session as a token for `Authorization: Bearer`, with its sealed account. `salt` must be random.
    ///
    /// # Errors
    ///
    /// 500 if the session cannot be sealed.
    pub(crate) fn bearer_token(
        &self,
        session: &Session,
        account: Option<String>,
        salt: [u8; SALT],
    ) -> Result<String, Error> {
        let token = seal(&self.keys.bearer, session, salt)?;
        Ok(match account {
            Some(account) => with_account(&token, &account),
            None => token,
        })
    }

    /// How long a session in this form lasts.
    pub(crate) fn lifetime(&self, credential: Credential) -> Lifetime {
        match credential {
            Credential::Cookie => self.lifetimes.cookie,
            Credential::Bearer => self.lifetimes.bearer,
        }
    }

    /// The session if it is valid, with its end under the current settings.
    fn validate(&self, mut found: FoundSession, now: u64) -> Option<FoundSession> {
        let lifetime = self.lifetime(found.credential);
        let session = &mut found.session;
        let valid = session.is_valid(now, lifetime, self.epoch) && !self.revoked.contains(&session.id, now);
        session.expires = session.end(lifetime);
        valid.then_some(found)
    }
}

fn seal(sealer: &Sealer, session: &Session, salt: [u8; SALT]) -> Result<String, Error> {
    let sealed = sealer.seal(session.encode().as_bytes(), salt);
    sealed.ok_or_else(|| internal("the session cannot be sealed"))
}

/// A bearer token with a session, and with the session's account: a page on another site has no cookie for it.
pub(crate) fn with_account(session: &str, account: &str) -> String {
    [session, ".", account].concat()
}

/// The session in the bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    bearer_token(headers)?.split('.').next()
}

/// The sealed account in the bearer token of a request.
pub(super) fn bearer_account(headers: &HeaderMap) -> Option<&str> {
    bearer_token(headers)?.split_once('.').map(|(_, account)| account)
}

/// The bearer token of a request (RFC 6750 section 2.1). The scheme is case-insensitive.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
