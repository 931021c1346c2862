//! A sign-in under way: what binds its steps to one browser (RFC 9700 section 2.1). It is kept in a sealed cookie
//! of its own, so that sign-ins in several tabs do not touch each other.

mod jar;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use space_kit::respond::to_json;

use crate::seal::Sealer;
pub(crate) use jar::{MAX, superfluous};

/// How long a sign-in may take, in seconds.
pub(crate) const LIFE: u64 = 600;
/// Random bytes that a flow needs: state, code verifier and nonce.
pub(crate) const RANDOM: usize = 32 + 32 + 16;

/// The page that opened a popup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Popup {
    pub(crate) origin: String,
    /// The page's own mark, given back to it.
    pub(crate) nonce: String,
}

/// Which of the two callback paths the provider comes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// `/callback/{provider}`.
    Callback,
    /// `/oauth2/callback/{provider}`, of clients up to 1.6.
    OAuth2,
}

/// Where a sign-in began and where it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) provider: String,
    pub(crate) way: Way,
    pub(crate) callback_url: String,
    pub(crate) error_url: Option<String>,
    pub(crate) popup: Option<Popup>,
}

/// A sign-in under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) start: Start,
    pub(crate) state: String,
    /// RFC 7636: sent to the token endpoint alone.
    pub(crate) verifier: String,
    /// OpenID Connect Core section 3.1.2.1: comes back in the ID token.
    pub(crate) nonce: String,
    /// Seconds since 1970.
    pub(crate) expires: u64,
}

impl Flow {
    /// A new one.
    pub(crate) fn begin(start: Start, random: &[u8; RANDOM], now: u64) -> Flow {
        let part = |from: usize, to: usize| URL_SAFE_NO_PAD.encode(random.get(from..to).unwrap_or_default());
        let (state, verifier, nonce) = (part(0, 32), part(32, 64), part(64, RANDOM));
        Flow { start, state, verifier, nonce, expires: now.saturating_add(LIFE) }
    }

    /// The S256 challenge of the verifier (RFC 7636 section 4.2).
    pub(crate) fn challenge(&self) -> String {
        hash(&self.verifier)
    }

    /// The text that is sealed.
    pub(crate) fn encode(&self) -> String {
        let start = &self.start;
        let popup = start.popup.as_ref().map(|popup| [&popup.origin, &popup.nonce]);
        let oauth2 = start.way == Way::OAuth2;
        to_json(&json!([
            self.state,
            self.verifier,
            self.nonce,
            self.expires,
            start.provider,
            oauth2,
            start.callback_url,
            start.error_url,
            popup
        ]))
    }

    /// Reads what [`Flow::encode`] wrote.
    pub(crate) fn decode(text: &[u8]) -> Option<Flow> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let [state, verifier, nonce, expires, provider, oauth2, callback_url, error_url, popup] =
            value.as_array()?.as_slice()
        else {
            return None;
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let popup = match popup.as_array().map(Vec::as_slice) {
            Some([origin, nonce]) => Some(Popup { origin: text(origin)?, nonce: text(nonce)? }),
            _ => None,
        };
        let start = Start {
            provider: text(provider)?,
            way: if oauth2.as_bool()? { Way::OAuth2 } else { Way::Callback },
            callback_url: text(callback_url)?,
            error_url: text(error_url),
            popup,
        };
        let (state, verifier, nonce) = (text(state)?, text(verifier)?, text(nonce)?);
        Some(Flow { start, state, verifier, nonce, expires: expires.as_u64()? })
    }
}

/// The sign-in that this state, provider and way are of, among sealed ones that a browser sent, if it is not over.
pub(crate) fn find<'a>(
    sealer: &Sealer,
    mut sealed: impl Iterator<Item = &'a str>,
    state: &str,
    provider: &str,
    way: Way,
    now: u64,
) -> Option<Flow> {
    let is_it = |flow: &Flow| {
        flow.state == state && flow.start.provider == provider && flow.start.way == way && now < flow.expires
    };
    sealed.find_map(|value| Flow::decode(&sealer.open(value)?.plain).filter(is_it))
}

/// The name of the cookie for a state, without what [`crate::cookie::Cookies::name`] puts before it.
pub(crate) fn cookie_name(state: &str) -> String {
    format!("{COOKIE}{}", hash(state).get(..8).unwrap_or_default())
}

/// How the names of all flow cookies begin.
pub(crate) const COOKIE: &str = "flow.";

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::keys;
    use proptest::prelude::*;

    fn start() -> impl Strategy<Value = Start> {
        let popup = prop::option::of(("\\PC{0,20}", "\\PC{0,20}"));
        ("[a-z0-9-]{1,9}", any::<bool>(), "\\PC{0,40}", prop::option::of("\\PC{0,40}"), popup).prop_map(
            |(provider, oauth2, callback_url, error_url, popup)| Start {
                provider,
                way: if oauth2 { Way::OAuth2 } else { Way::Callback },
                callback_url,
                error_url,
                popup: popup.map(|(origin, nonce)| Popup { origin, nonce }),
            },
        )
    }

    fn google() -> Flow {
        let start = Start {
            provider: "google".to_owned(),
            way: Way::Callback,
            callback_url: "/".to_owned(),
            error_url: None,
            popup: None,
        };
        Flow::begin(start, &[7; RANDOM], 1000)
    }

    #[test]
    fn a_sign_in_is_found_for_600_seconds_at_its_own_state_provider_and_way() {
        let (keys, flow) = (keys("A"), google());
        let sealed = keys.flow.seal(flow.encode().as_bytes(), [1; 16]).unwrap();
        let found = |state: &str, provider: &str, way, now| {
            find(&keys.flow, ["junk", sealed.as_str()].into_iter(), state, provider, way, now).is_some()
        };
        assert!(found(&flow.state, "google", Way::Callback, 1599));
        assert!(!found(&flow.state, "google", Way::Callback, 1600), "over");
        assert!(!found("AAAA", "google", Way::Callback, 1000));
        assert!(!found(&flow.state, "other", Way::Callback, 1000));
        assert!(!found(&flow.state, "google", Way::OAuth2, 1000));
    }

    #[test]
    fn a_cookie_that_is_cut_changed_or_of_a_key_that_is_gone_is_none() {
        let flow = google();
        let sealed = keys("A").flow.seal(flow.encode().as_bytes(), [1; 16]).unwrap();
        let found = |seeds: &str, sealed: &str| {
            find(&keys(seeds).flow, [sealed].into_iter(), &flow.state, "google", Way::Callback, 1000)
                .is_some()
        };
        assert!(found("A", &sealed) && found("BA", &sealed), "an old key that is kept");
        assert!(!found("B", &sealed) && !found("A", &sealed[..sealed.len() - 1]) && !found("A", ""));
        for at in 0..sealed.len() {
            let other = if sealed.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, other);
            assert!(!found("A", &changed), "{at}");
        }
    }

    #[test]
    fn the_challenge_is_the_standards_one() {
        // RFC 7636 appendix B.
        assert_eq!(
            hash("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn what_was_encoded_is_read_back(start in start(), random in prop::array::uniform32(any::<u8>()), now: u32) {
            let mut bytes = [0; RANDOM];
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = random[at % 32] ^ at as u8;
            }
            let flow = Flow::begin(start, &bytes, now.into());
            prop_assert_eq!((flow.state.len(), flow.verifier.len(), flow.nonce.len()), (43, 43, 22));
            prop_assert!(flow.state != flow.verifier);
            prop_assert_eq!(Flow::decode(flow.encode().as_bytes()), Some(flow));
        }

        #[test]
        fn no_text_panics(text in "(\\PC|[\\[\\]\",0-9]|null|true){0,60}") {
            _ = Flow::decode(text.as_bytes());
        }
    }
}
