//! The address of an upstream, with what is sent to it in every request.

use std::fmt;
use std::net::IpAddr;

use space_kit::client::is_private;
use space_kit::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use space_kit::outgoing::{Origin, Url};

use super::api_key::ApiKey;
use super::models::ModelPatterns;
use crate::access::PayerToken;

/// Hosts that get Hugging Face's token by default, with their subdomains. Spaces (`hf.space`) are not among
/// them, because a Space runs other people's code.
const HUGGING_FACE: [&str; 2] = ["router.huggingface.co", ENDPOINTS];
const ENDPOINTS: &str = "endpoints.huggingface.cloud";

const ANTHROPIC: &str = "anthropic.com";
/// Hosts that expect the key in `api-key`.
const AZURE: [&str; 3] = ["openai.azure.com", "services.ai.azure.com", "cognitiveservices.azure.com"];

/// Parts of a query's names that look like a secret's. A query is not hidden in errors as a key is.
const SECRETS: [&str; 5] = ["key", "token", "secret", "sig", "password"];

/// Anthropic's API rejects requests without it.
const ANTHROPIC_VERSION: HeaderName = HeaderName::from_static("anthropic-version");

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
    /// Sent with every request, such as `api-version=…`; may be empty.
    pub(crate) query: String,
    /// Whether it is Anthropic's API, which needs a version.
    pub(crate) is_anthropic: bool,
    pub(crate) key: Option<ApiKey>,
    /// The models that the operator says it has.
    pub(crate) models: ModelPatterns,
    /// Upstreams of the same rank are replicas; a lower rank is preferred.
    pub(crate) rank: usize,
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
    /// Parses `https://host[:port]/base[?query]`, or `http://` with a host that may be private. `None` for
    /// anything else, including a URL with credentials or a fragment.
    pub(crate) fn parse(text: &str) -> Option<Upstream> {
        let Url { origin, target } = Url::parse(text)?;
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let has_secret = |query: &str| SECRETS.iter().any(|part| query.contains(part));
        // Without TLS the key is readable on the way, so plain http is only for addresses that may be
        // private.
        let is_public = origin.host.parse::<IpAddr>().is_ok_and(|address| !is_private(address));
        if has_secret(&query.to_ascii_lowercase()) || (!origin.tls && is_public) {
            return None;
        }
        let (base, query) = (path.trim_end_matches('/').to_owned(), query.to_owned());
        let (models, api) = (ModelPatterns::default(), UpstreamApi::default());
        let mut parsed =
            Upstream { origin, base, query, is_anthropic: false, key: None, models, rank: 0, api };
        parsed.is_anthropic = parsed.is_under(ANTHROPIC) || parsed.base.contains("/anthropic");
        Some(parsed)
    }

    /// The upstream with a key, as [`ApiKey::parse`] reads it. `None` if the key is not valid in a header.
    pub(crate) fn with_key(mut self, key: &str) -> Option<Upstream> {
        self.key = Some(ApiKey::parse(key, self.usual_header())?);
        Some(self)
    }

    /// The header that its API expects the key in.
    fn usual_header(&self) -> HeaderName {
        match () {
            () if self.is_under(ANTHROPIC) => HeaderName::from_static("x-api-key"),
            () if AZURE.iter().any(|domain| self.is_under(domain)) => HeaderName::from_static("api-key"),
            () => AUTHORIZATION,
        }
    }

    /// Adds the key and what else the API requires of a request for this path. Hugging Face gets the payer's token instead
    /// of a key, and no other host does.
    pub(super) fn add_headers(&self, path: &str, payer: Option<&PayerToken>, headers: &mut HeaderMap) {
        if let Some(payer) = payer.filter(|_| self.is_hugging_face()) {
            payer.add_headers(headers);
        } else if let Some(key) = &self.key {
            // Anthropic documents this path only for OpenAI's clients, which send the key so.
            let as_bearer =
                self.is_anthropic && self.is_under(ANTHROPIC) && path.starts_with("/chat/completions");
            let bearer = if as_bearer { key.as_bearer() } else { None };
            let key = bearer.as_ref().unwrap_or(key);
            headers.insert(&key.header, key.value.clone());
        }
        if self.is_anthropic {
            headers.entry(ANTHROPIC_VERSION).or_insert(HeaderValue::from_static("2023-06-01"));
        }
    }

    /// The target of a request for a path with a query. Of a name that is in both queries, the operator's
    /// value is sent.
    pub(super) fn target(&self, path: &str) -> String {
        if self.query.is_empty() {
            return [self.base.as_str(), path].concat();
        }
        let (path, given) = path.split_once('?').unwrap_or((path, ""));
        let name = |pair: &'_ str| pair.split('=').next().unwrap_or_default().to_owned();
        let is_fixed = |pair: &str| self.query.split('&').any(|fixed| name(fixed) == name(pair));
        let mut target = [self.base.as_str(), path, "?", &self.query].concat();
        for pair in given.split('&').filter(|pair| !pair.is_empty() && !is_fixed(pair)) {
            target.extend(["&", pair]);
        }
        target
    }

    /// Whether a request may go here. A token that only Hugging Face can check says nothing to others.
    pub(super) fn admits(&self, payer: Option<&PayerToken>) -> bool {
        self.is_hugging_face() || !payer.is_some_and(PayerToken::is_own)
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
    fn a_query_is_sent_with_every_request_and_the_callers_cannot_replace_it() {
        let target = |url, path| Upstream::parse(url).unwrap().target(path);
        let fixed = "https://a/openai/v1/?api-version=preview&x=1";
        for (path, sent) in [
            ("/models", "/openai/v1/models?api-version=preview&x=1"),
            ("/files?limit=2&&x=3&xy=4", "/openai/v1/files?api-version=preview&x=1&limit=2&xy=4"),
            ("/files?api-version=2024-10-21&x", "/openai/v1/files?api-version=preview&x=1"),
        ] {
            assert_eq!(target(fixed, path), sent);
        }
        assert_eq!(target("https://a/v1", "/files?limit=2"), "/v1/files?limit=2");
    }

    #[test]
    fn each_api_gets_its_key_in_the_header_that_it_expects() {
        let sent = |url: &str, key: &str| {
            let mut headers = HeaderMap::new();
            let (url, path) = url.split_once(' ').unwrap_or((url, "/messages"));
            Upstream::parse(url).unwrap().with_key(key).unwrap().add_headers(path, None, &mut headers);
            let version = headers.remove(ANTHROPIC_VERSION).is_some();
            let (name, value) = headers.iter().next().unwrap();
            (format!("{name}: {}", value.to_str().unwrap()), version)
        };
        for (url, key, expected, version) in [
            ("https://router.huggingface.co/v1", "k", "authorization: Bearer k", false),
            ("https://api.anthropic.com/v1", "k", "x-api-key: k", true),
            ("https://api.anthropic.com/v1 /chat/completions", "k", "authorization: Bearer k", true),
            ("https://api.anthropic.com/v1", "Bearer:k", "authorization: Bearer k", true),
            ("https://r.openai.azure.com/openai/v1", "k", "api-key: k", false),
            ("https://r.services.ai.azure.com/anthropic/v1", "k", "api-key: k", true),
            ("https://r.cognitiveservices.azure.com/openai/v1", "bearer:k", "authorization: Bearer k", false),
            ("https://openai.azure.com.evil/v1", "k", "authorization: Bearer k", false),
            ("http://127.0.0.1/v1", "X-API-Key:a:b", "x-api-key: a:b", false),
            ("http://127.0.0.1/v1", "id:secret", "authorization: Bearer id:secret", false),
        ] {
            assert_eq!(sent(url, key), (expected.to_owned(), version), "{url} {key}");
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
        for key in ["hf_secret", "x-api-key:hf_secret"] {
            let upstream = Upstream::parse("https://a/v1").unwrap().with_key(key).unwrap();
            let value = upstream.key.as_ref().map(|key| &key.value);
            assert!(!format!("{upstream:?} {value:?}").contains("secret"));
        }
    }
}
