//! The address of an upstream, with its key.

use std::fmt;
use std::net::IpAddr;

use space_kit::Error;
use space_kit::client::is_private;
use space_kit::header::HeaderValue;
use space_kit::outgoing::{Origin, Url};

/// Hosts that get Hugging Face's token by default, with their subdomains. Spaces (`hf.space`) are not among
/// them, because a Space runs other people's code.
const HUGGING_FACE: [&str; 2] = ["router.huggingface.co", ENDPOINTS];
const ENDPOINTS: &str = "endpoints.huggingface.cloud";

/// Ends of addresses that are no base URL. A base may end in `/models` or `/embeddings` at some providers, but not
/// after `/v1`.
const ENDPOINT_PATHS: [&str; 7] = [
    "/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/models",
    "/v1/responses",
    "/v1/v1",
];

/// One OpenAI-compatible API. Its key is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(crate) origin: Origin,
    /// The path before `/chat/completions`, such as `/v1`, without a slash at its end.
    pub(crate) base: String,
    /// `Bearer …`, marked sensitive.
    pub(crate) authorization: Option<HeaderValue>,
    /// Whether it has `/responses` and `/messages`.
    pub(crate) api: UpstreamApi,
}

/// Which APIs an upstream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum UpstreamApi {
    /// It is found out: a request of an API that it lacks is translated.
    #[default]
    Auto,
    /// Only chat completions: every other request is translated.
    Chat,
    /// All of them: no request is translated.
    Native,
}

impl UpstreamApi {
    /// Parses `auto`, `chat` or `native`.
    pub(crate) fn parse(text: &str) -> Option<UpstreamApi> {
        match text {
            "auto" => Some(UpstreamApi::Auto),
            "chat" => Some(UpstreamApi::Chat),
            "native" => Some(UpstreamApi::Native),
            _ => None,
        }
    }
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.base)
    }
}

impl Upstream {
    /// Parses `https://host[:port]/base`, or `http://` with a host that may be private. `None` for anything
    /// else, including a URL with credentials, a query or a fragment.
    pub(crate) fn parse(text: &str) -> Option<Upstream> {
        let Url { origin, target } = Url::parse(text)?;
        // Without TLS the key is readable on the way, so plain http is only for addresses that may be
        // private.
        let is_public = origin.host.parse::<IpAddr>().is_ok_and(|address| !is_private(address));
        if target.contains('?') || (!origin.tls && is_public) {
            return None;
        }
        let base = target.trim_end_matches('/').to_owned();
        Some(Upstream { origin, base, authorization: None, api: UpstreamApi::default() })
    }

    /// The upstream with a key. `None` if the key is not valid in a header.
    pub(crate) fn with_key(mut self, key: &str) -> Option<Upstream> {
        let mut value = HeaderValue::try_from(format!("Bearer {key}")).ok()?;
        value.set_sensitive(true);
        self.authorization = Some(value);
        Some(self)
    }

    /// Removes the key from an error, because some upstreams repeat a key that they reject.
    pub(crate) fn hide_key(&self, error: &mut Error) {
        let shown =
            self.authorization.as_ref().and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        // A shorter key is not secret, and may be an ordinary word.
        let Some(key) = shown.filter(|key| key.len() >= 8) else { return };
        let hide = |text: &str| text.replace(key, "***");
        error.message = hide(&error.message).into();
        error.param = error.param.as_deref().map(|param| hide(param).into());
        error.cause = error.cause.as_deref().map(hide);
        // An upstream may repeat the key in a header that is forwarded with its error.
        error
            .headers
            .retain(|(_, value)| !value.as_bytes().windows(key.len()).any(|part| part == key.as_bytes()));
    }

    /// The end of the address if it is an endpoint's and not a base URL.
    pub(crate) fn endpoint_at_end(&self) -> Option<&'static str> {
        ENDPOINT_PATHS.into_iter().find(|path| self.base.ends_with(path))
    }

    /// Whether it gets a Hugging Face token by default: it is one of their hosts, reached over TLS.
    pub(crate) fn is_hugging_face(&self) -> bool {
        self.origin.tls && HUGGING_FACE.into_iter().any(|domain| self.is_under(domain))
    }

    /// Whether it is an Inference Endpoint. Its 503 means that a replica is starting.
    pub(super) fn is_inference_endpoint(&self) -> bool {
        self.is_under(ENDPOINTS)
    }

    /// Whether it is a Space. A web page from it means that it is asleep.
    pub(super) fn is_space(&self) -> bool {
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
    fn an_address_is_parsed_and_displayed() {
        let shown = |text| Upstream::parse(text).map(|upstream| format!("{upstream:?}"));
        assert_eq!(
            shown("https://Router.huggingface.co/v1/").as_deref(),
            Some("https://router.huggingface.co/v1")
        );
        assert_eq!(shown("http://[::1]:8080").as_deref(), Some("http://[::1]:8080"));
    }

    #[test]
    fn an_address_that_would_leak_or_mislead_is_rejected() {
        for rejected in [
            "ftp://a/v1",
            "https://user:pw@a/v1",
            "https://a/v1?key=x",
            "https://a/#x",
            "http://8.8.8.8/v1",
            "a",
            "/v1",
        ] {
            assert_eq!(Upstream::parse(rejected), None, "{rejected}");
        }
    }

    #[test]
    fn a_hugging_face_token_goes_only_to_hugging_face() {
        let is = |text: &str| Upstream::parse(text).unwrap().is_hugging_face();
        assert!(is("https://router.huggingface.co/v1"));
        assert!(is("https://x.eu-west-1.aws.endpoints.huggingface.cloud/v1"));
        assert!(!is("https://me-app.hf.space/v1"), "a Space runs other people's code");
        assert!(!is("https://evilrouter.huggingface.co/v1") && !is("https://router.huggingface.co.evil/v1"));
        assert!(!is("http://router.huggingface.co/v1"), "plain http would expose it");
    }

    #[test]
    fn a_key_is_never_shown() {
        let upstream = Upstream::parse("https://a/v1").unwrap().with_key("hf_secret").unwrap();
        assert!(!format!("{upstream:?} {:?}", upstream.authorization).contains("secret"));
    }
}
