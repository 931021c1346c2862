//! The account cookie. It is sealed with a key of its own and opens only together with its session.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use space_kit::header::HeaderMap;

use super::Session;
use super::account::Account;
use super::cookie::{Sessions, bearer_account};
use crate::web::cookie;
use space_kit::seal::{SALT, sealed_len};

/// The name of the account cookie without its prefix.
const COOKIE: &str = "account";
/// The longest sealed account with an ID token, in bytes. A longer one is kept without it, because it is rarely needed
/// and every request carries the cookie.
const MAX_WITH_ID_TOKEN: usize = 1100;
/// The longest sealed account, in bytes: a browser's limit for a cookie, 4096 bytes, less name and attributes.
const MAX: usize = 3900;
/// The same where a browser may send two copies. With the session and sign-ins in progress they stay within 14,800 of the
/// 16 KiB of a request head (docs/decisions/session-cookies.md).
const MAX_TWICE: usize = 1900;

/// The account of a request.
pub(crate) struct FoundAccount {
    pub(crate) account: Account,
    /// Whether the current key sealed it.
    pub(crate) current: bool,
}

/// An account on its way to the browser.
#[derive(Default)]
pub(crate) struct KeptAccount {
    /// For the bearer token of a page on another site.
    pub(crate) sealed: Option<String>,
    /// Values of `Set-Cookie`.
    pub(crate) cookies: Vec<String>,
    /// What does not fit, for the log.
    pub(crate) left_out: Option<&'static str>,
}

impl Sessions<'_> {
    /// The account of this session. Of several, it is the one that was refreshed last.
    pub(crate) fn account(&self, headers: &HeaderMap, session: &Session) -> Option<FoundAccount> {
        let open = |value| {
            let unsealed = self.keys.account.open(value)?;
            let account = Account::decode(&unsealed.plain)?;
            let current = unsealed.current;
            account.belongs_to(session).then_some(FoundAccount { account, current })
        };
        self.account_cookies(headers)
            .chain(bearer_account(headers))
            .filter_map(open)
            .max_by_key(|found| found.account.updated)
    }

    /// Keeps an account as long as its session can last. What does not fit is left out: first the ID token, then the
    /// refresh token, then all of it. `salt` must be random.
    pub(crate) fn set_account(&self, account: &Account, now: u64, salt: [u8; SALT]) -> KeptAccount {
        let max = if self.cookies.copies() == 2 { MAX_TWICE } else { MAX };
        let (mut account, mut left_out) = (account.clone(), None);
        let mut plain = account.encode();
        if sealed_len(plain.len()) > MAX_WITH_ID_TOKEN && account.tokens.id_token.take().is_some() {
            plain = account.encode();
        }
        if sealed_len(plain.len()) > max && account.tokens.refresh_token.take().is_some() {
            (plain, left_out) = (account.encode(), Some("the refresh token does not fit into a cookie"));
        }
        let fits = sealed_len(plain.len()) <= max;
        let Some(sealed) = fits.then(|| self.keys.account.seal(plain.as_bytes(), salt)).flatten() else {
            let left_out = Some("the access token does not fit into a cookie");
            return KeptAccount { sealed: None, cookies: self.clear_account(), left_out };
        };
        let age = account.created.saturating_add(self.lifetimes.cookie.max).saturating_sub(now);
        let cookies = self.cookies.set(&self.cookies.name(COOKIE), &sealed, age).collect();
        KeptAccount { sealed: Some(sealed), cookies, left_out }
    }

    /// Values of `Set-Cookie` that delete the account cookie.
    pub(crate) fn clear_account(&self) -> Vec<String> {
        self.cookies.clear(&self.cookies.name(COOKIE)).collect()
    }

    /// Values of `Set-Cookie` that delete the account cookie, if the request has one.
    pub(crate) fn clear_account_of(&self, headers: &HeaderMap) -> Vec<String> {
        match self.account_cookies(headers).next() {
            Some(_) => self.clear_account(),
            None => Vec::new(),
        }
    }

    fn account_cookies<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = &'h str> + use<'h> {
        let name = self.cookies.name(COOKIE);
        let cookies = cookie::of_request(headers).filter(move |(found, _)| *found == name);
        cookies.map(|(_, value)| value).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use super::super::account::ProviderTokens;
    use super::super::replay::ReplayCache;
    use super::super::{Lifetime, Lifetimes};
    use super::*;
    use crate::crypto::keys::tests::keys;
    use crate::web::cookie::CookieSettings;

    /// The length of the longest cookie, its copies, and which of ID token, refresh token and access token are in it.
    fn kept(cross_site: bool, access: usize, refresh: usize, id: usize) -> (usize, usize, [bool; 3]) {
        let (keys, revoked) = (keys("A"), ReplayCache::new(1, RandomState::new()));
        let lifetime = Lifetime { idle: 600, max: 2_592_000 };
        let sessions = Sessions {
            keys: &keys,
            cookies: CookieSettings { secure: true, cross_site },
            lifetimes: Lifetimes { cookie: lifetime, bearer: lifetime },
            epoch: 0,
            revoked: &revoked,
        };
        let text = |length: usize| "x".repeat(length);
        let tokens = ProviderTokens {
            access_token: text(access),
            expires: Some(1_900_000_000),
            scopes: "openid profile email inference-api".to_owned(),
            refresh_token: Some(text(refresh)),
            id_token: Some(text(id)),
        };
        let (session, user, provider) = (text(22), text(24), "huggingface".to_owned());
        let (created, updated) = (1_800_000_000, 1_800_000_000);
        let account = Account { session, subject: user.clone(), user, provider, created, updated, tokens };
        let kept = sessions.set_account(&account, created, [1; SALT]);
        let (_, rest) = kept.cookies[0].split_once('=').unwrap();
        let sealed = keys.account.open(rest.split_once(';').unwrap().0);
        let found = sealed.map(|unsealed| Account::decode(&unsealed.plain).unwrap().tokens);
        let has = found.map_or([false; 3], |tokens| {
            [tokens.id_token.is_some(), tokens.refresh_token.is_some(), tokens.access_token.len() == access]
        });
        assert_eq!(kept.left_out.is_none(), has[1] && has[2]);
        (kept.cookies.iter().map(String::len).max().unwrap(), kept.cookies.len(), has)
    }

    #[test]
    fn a_cookie_stays_within_the_limit_of_browsers_and_keeps_what_it_has_room_for() {
        for cross_site in [false, true] {
            for access in [40, 1200, 1500, 2600, 2700, 4000] {
                for (refresh, id) in [(40, 300), (40, 900), (200, 1500), (1500, 900), (3000, 900)] {
                    let (longest, copies, [_, has_refresh, has_access]) =
                        kept(cross_site, access, refresh, id);
                    assert!(longest <= 4096 && copies == usize::from(cross_site) + 1, "{longest}");
                    let room = if cross_site { 1100 } else { 2700 };
                    assert!(has_access || access > room, "{access}");
                    assert!(has_refresh || access + refresh > room, "{access} and {refresh}");
                }
            }
        }
    }

    #[test]
    fn with_short_tokens_a_cookie_has_at_most_1200_bytes() {
        for id in (0..2000).step_by(20) {
            let (longest, _, has) = kept(true, 60, 60, id);
            assert!(longest <= 1200 && has[1] && has[2], "{longest} with an ID token of {id}");
        }
        assert!(kept(true, 60, 60, 400).2[0], "a short ID token is kept");
    }
}
