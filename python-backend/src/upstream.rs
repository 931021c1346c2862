//! Where requests are forwarded to: OpenAI-compatible base addresses, each with the key it wants.

mod attempt;
mod breaker;
mod config;
mod lane;
mod plan;
mod tries;
mod wake;

use std::fmt;
use std::net::IpAddr;

use space_kit::Error;
use space_kit::client::is_private;
use space_kit::header::HeaderValue;
use space_kit::outgoing::{Origin, Url};

pub(crate) use attempt::{Opened, Stream};
pub(crate) use config::{ALL, Upstreams, read};
pub(crate) use lane::{Job, Lane, Waits, Want, without_pin};

/// Hosts that Hugging Face's token is sent to unasked, with their subdomains. A Space (`hf.space`) is not among them:
/// it is somebody's program.
const HUGGING_FACE: [&str; 2] = ["router.huggingface.co", ENDPOINTS];
const ENDPOINTS: &str = "endpoints.huggingface.cloud";

/// One upstream. Its key is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(crate) origin: Origin,
    /// The path before `/chat/completions`, such as `/v1`; no slash at its end.
    pub(crate) base: String,
    /// `Bearer …`, marked sensitive.
    pub(crate) authorization: Option<HeaderValue>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.base)
    }
}

impl Upstream {
    /// Parses `https://host[:port]/base`, or `http://` to a host that may be private. No credentials, query
    /// or fragment.
    pub(crate) fn parse(text: &str) -> Option<Upstream> {
        let Url { origin, target } = Url::parse(text)?;
        // A plain connection shows the key to everybody between: only to an address that may be private.
        let is_public = origin.host.parse::<IpAddr>().is_ok_and(|address| !is_private(address));
        if target.contains('?') || (!origin.tls && is_public) {
            return None;
        }
        let base = target.trim_end_matches('/').to_owned();
        Some(Upstream { origin, base, authorization: None })
    }

    /// With the key that it wants; `None` where the key does not fit a header.
    pub(crate) fn with_key(mut self, key: &str) -> Option<Upstream> {
        let mut value = HeaderValue::try_from(format!("Bearer {key}")).ok()?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Some(self)
    }

    /// Takes the upstream's key out of what it said: some repeat the key that they refuse.
    pub(crate) fn hide_key(&self, error: &mut Error) {
        let shown =
            self.authorization.as_ref().and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        // A shorter one is no secret, and may be a word.
        let Some(key) = shown.filter(|key| key.len() >= 8) else { return };
        let hide = |text: &str| text.replace(key, "***");
        error.message = hide(&error.message).into();
        error.param = error.param.as_deref().map(|param| hide(param).into());
        error.cause = error.cause.as_deref().map(hide);
    }

    /// Whether a Hugging Face token may be sent there unasked: one of their hosts, by TLS.
    pub(crate) fn is_hugging_face(&self) -> bool {
        self.origin.tls && HUGGING_FACE.into_iter().any(|domain| self.is_under(domain))
    }

    /// Whether it is an Inference Endpoint, whose 503 means that a replica starts.
    fn is_endpoint(&self) -> bool {
        self.is_under(ENDPOINTS)
    }

    /// Whether it is a Space, whose page means that it sleeps.
    fn is_space(&self) -> bool {
        self.is_under("hf.space")
    }

    fn is_under(&self, domain: &str) -> bool {
        let before = self.origin.host.strip_suffix(domain);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_and_put_together_again() {
        let shown = |text| Upstream::parse(text).map(|upstream| format!("{upstream:?}"));
        assert_eq!(
            shown("https://Router.huggingface.co/v1/").as_deref(),
            Some("https://router.huggingface.co/v1")
        );
        assert_eq!(shown("http://[::1]:8080").as_deref(), Some("http://[::1]:8080"));
    }

    #[test]
    fn what_would_leak_or_mislead_is_refused() {
        for refused in [
            "ftp://a/v1",
            "https://user:pw@a/v1",
            "https://a/v1?key=x",
            "https://a/#x",
            "http://8.8.8.8/v1",
            "a",
            "/v1",
        ] {
            assert_eq!(Upstream::parse(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_hugging_face_token_goes_to_hugging_face_alone() {
        let is = |text: &str| Upstream::parse(text).unwrap().is_hugging_face();
        assert!(is("https://router.huggingface.co/v1"));
        assert!(is("https://x.eu-west-1.aws.endpoints.huggingface.cloud/v1"));
        assert!(!is("https://me-app.hf.space/v1"), "a Space is somebody's program");
        assert!(!is("https://evilrouter.huggingface.co/v1") && !is("https://router.huggingface.co.evil/v1"));
        assert!(!is("http://router.huggingface.co/v1"), "a plain connection would show it");
    }

    #[test]
    fn a_key_is_never_shown() {
        let upstream = Upstream::parse("https://a/v1").unwrap().with_key("hf_secret").unwrap();
        assert!(!format!("{upstream:?} {:?}", upstream.authorization).contains("secret"));
    }
}
