//! A flow is one sign-in in progress. Its state binds the steps to one browser (RFC 9700 section 2.1). Each flow has its
//! own sealed cookie, so that sign-ins in several tabs do not affect each other.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

pub(crate) mod eviction;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use space_kit::respond::to_json;

use space_kit::seal::Sealer;

/// How long a sign-in may take, in seconds.
pub(crate) const LIFETIME: u64 = 600;
/// The random bytes of a flow: state, code verifier and nonce.
pub(crate) const RANDOM: usize = 32 + 32 + 16;

/// The page that opened a popup for the sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opener {
    pub(crate) origin: String,
    /// A value that the page chose. The message to the page repeats it.
    pub(crate) nonce: String,
}

/// The callback path that the provider redirects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallbackPath {
    /// `/callback/{provider}`.
    Social,
    /// `/oauth2/callback/{provider}`, for clients up to version 1.6.
    OAuth2,
}

impl CallbackPath {
    /// The part between `/api/auth/` and the provider's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            CallbackPath::Social => "callback",
            CallbackPath::OAuth2 => "oauth2/callback",
        }
    }
}

/// What the page that starts a sign-in asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlowRequest {
    pub(crate) provider: String,
    pub(crate) callback_path: CallbackPath,
    pub(crate) callback_url: String,
    pub(crate) error_url: Option<String>,
    pub(crate) opener: Option<Opener>,
}

/// One sign-in in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) request: FlowRequest,
    pub(crate) state: String,
    /// The PKCE code verifier (RFC 7636). Only the token endpoint receives it.
    pub(crate) verifier: String,
    /// OpenID Connect Core section 3.1.2.1: the ID token must repeat it.
    pub(crate) nonce: String,
    /// Unix time in seconds.
    pub(crate) expires: u64,
}

impl Flow {
    /// A new flow.
    pub(crate) fn begin(request: FlowRequest, random: &[u8; RANDOM], now: u64) -> Flow {
        let part = |from: usize, to: usize| URL_SAFE_NO_PAD.encode(random.get(from..to).unwrap_or_default());
        let (state, verifier, nonce) = (part(0, 32), part(32, 64), part(64, RANDOM));
        Flow { request, state, verifier, nonce, expires: now.saturating_add(LIFETIME) }
    }

    /// The S256 code challenge of the verifier (RFC 7636 section 4.2).
    pub(crate) fn challenge(&self) -> String {
        hash(&self.verifier)
    }

    /// The text to seal.
    pub(crate) fn encode(&self) -> String {
        let request = &self.request;
        let opener = request.opener.as_ref().map(|opener| [&opener.origin, &opener.nonce]);
        let oauth2 = request.callback_path == CallbackPath::OAuth2;
        to_json(&json!([
            self.state,
            self.verifier,
            self.nonce,
            self.expires,
            request.provider,
            oauth2,
            request.callback_url,
            request.error_url,
            opener
        ]))
    }

    /// Reads a text of [`Flow::encode`].
    pub(crate) fn decode(text: &[u8]) -> Option<Flow> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let [state, verifier, nonce, expires, provider, oauth2, callback_url, error_url, opener] =
            value.as_array()?.as_slice()
        else {
            return None;
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let opener = match opener.as_array().map(Vec::as_slice) {
            Some([origin, nonce]) => Some(Opener { origin: text(origin)?, nonce: text(nonce)? }),
            _ => None,
        };
        let request = FlowRequest {
            provider: text(provider)?,
            callback_path: if oauth2.as_bool()? { CallbackPath::OAuth2 } else { CallbackPath::Social },
            callback_url: text(callback_url)?,
            error_url: text(error_url),
            opener,
        };
        let (state, verifier, nonce) = (text(state)?, text(verifier)?, text(nonce)?);
        Some(Flow { request, state, verifier, nonce, expires: expires.as_u64()? })
    }
}

/// Finds the flow with this state, provider and callback path among the sealed values that a browser sent. An expired
/// flow is not found.
pub(crate) fn find<'a>(
    sealer: &Sealer,
    mut sealed: impl Iterator<Item = &'a str>,
    state: &str,
    provider: &str,
    callback_path: CallbackPath,
    now: u64,
) -> Option<Flow> {
    let matches = |flow: &Flow| {
        flow.state == state
            && flow.request.provider == provider
            && flow.request.callback_path == callback_path
            && now < flow.expires
    };
    sealed.find_map(|value| Flow::decode(&sealer.open(value)?.plain).filter(matches))
}

/// The name of the cookie for a state, without its prefix (see `CookieSettings::name`).
pub(crate) fn cookie_name(state: &str) -> String {
    format!("{COOKIE}{}", hash(state).get(..8).unwrap_or_default())
}

/// The start of the names of all flow cookies, without their prefix.
pub(crate) const COOKIE: &str = "flow.";

fn hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::keys::tests::keys;
    use proptest::prelude::*;

    fn request() -> impl Strategy<Value = FlowRequest> {
        let opener = prop::option::of(("\\PC{0,20}", "\\PC{0,20}"));
        ("[a-z0-9-]{1,9}", any::<bool>(), "\\PC{0,40}", prop::option::of("\\PC{0,40}"), opener).prop_map(
            |(provider, oauth2, callback_url, error_url, opener)| FlowRequest {
                provider,
                callback_path: if oauth2 { CallbackPath::OAuth2 } else { CallbackPath::Social },
                callback_url,
                error_url,
                opener: opener.map(|(origin, nonce)| Opener { origin, nonce }),
            },
        )
    }

    fn google() -> Flow {
        let request = FlowRequest {
            provider: "google".to_owned(),
            callback_path: CallbackPath::Social,
            callback_url: "/".to_owned(),
            error_url: None,
            opener: None,
        };
        Flow::begin(request, &[7; RANDOM], 1000)
    }

    #[test]
    fn a_flow_is_found_for_600_seconds_by_its_state_provider_and_callback_path() {
        let (keys, flow) = (keys("A"), google());
        let sealed = keys.flow.seal(flow.encode().as_bytes(), [1; 16]).unwrap();
        let found = |state: &str, provider: &str, callback_path, now| {
            find(&keys.flow, ["junk", sealed.as_str()].into_iter(), state, provider, callback_path, now)
                .is_some()
        };
        assert!(found(&flow.state, "google", CallbackPath::Social, 1599));
        assert!(!found(&flow.state, "google", CallbackPath::Social, 1600), "expired");
        assert!(!found("AAAA", "google", CallbackPath::Social, 1000));
        assert!(!found(&flow.state, "other", CallbackPath::Social, 1000));
        assert!(!found(&flow.state, "google", CallbackPath::OAuth2, 1000));
    }

    #[test]
    fn a_cookie_that_is_truncated_modified_or_of_a_removed_key_is_rejected() {
        let flow = google();
        let sealed = keys("A").flow.seal(flow.encode().as_bytes(), [1; 16]).unwrap();
        let found = |seeds: &str, sealed: &str| {
            find(&keys(seeds).flow, [sealed].into_iter(), &flow.state, "google", CallbackPath::Social, 1000)
                .is_some()
        };
        assert!(found("A", &sealed) && found("BA", &sealed), "an old key that is still configured");
        assert!(!found("B", &sealed) && !found("A", &sealed[..sealed.len() - 1]) && !found("A", ""));
        for at in 0..sealed.len() {
            let other = if sealed.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, other);
            assert!(!found("A", &changed), "{at}");
        }
    }

    #[test]
    fn the_challenge_matches_rfc_7636() {
        // RFC 7636 appendix B.
        assert_eq!(
            hash("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn an_encoded_flow_decodes_unchanged(request in request(), random in prop::array::uniform32(any::<u8>()), now: u32) {
            let mut bytes = [0; RANDOM];
            for (at, byte) in bytes.iter_mut().enumerate() {
                *byte = random[at % 32] ^ at as u8;
            }
            let flow = Flow::begin(request, &bytes, now.into());
            prop_assert_eq!((flow.state.len(), flow.verifier.len(), flow.nonce.len()), (43, 43, 22));
            prop_assert!(flow.state != flow.verifier);
            prop_assert_eq!(Flow::decode(flow.encode().as_bytes()), Some(flow));
        }

        #[test]
        fn arbitrary_text_never_panics(text in "(\\PC|[\\[\\]\",0-9]|null|true){0,60}") {
            _ = Flow::decode(text.as_bytes());
        }
    }
}
