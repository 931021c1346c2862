//! The headers that are forwarded in each direction. The lists name those that upstreams and clients are known to
//! read. Everything else stays here, because a name does not show whether it carries a credential, selects an account
//! or steers a proxy.

use std::time::Duration;

use hyper::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

/// Request headers for the upstream. The gateway sets `Host`, `Content-Length`, `Authorization` and billing itself.
/// `Accept-Encoding` is not forwarded, because the gateway reads the responses.
const REQUEST: &[&str] = &[
    "accept",
    "accept-language",
    "anthropic-beta",
    "anthropic-version",
    "baggage",
    "content-language",
    "content-type",
    "conversation_id",
    "http-referer",
    "idempotency-key",
    "openai-beta",
    "originator",
    "session-id",
    "session_id",
    "thread-id",
    "traceparent",
    "tracestate",
    "user-agent",
    "version",
    "x-amzn-trace-id",
    "x-app",
    "x-client-request-id",
    "x-idempotency-key",
    "x-session-affinity",
    "x-title",
];

/// Prefixes of further request headers: what coding agents tell their upstream.
const REQUEST_PREFIXES: &[&str] = &["x-claude-code-", "x-codex-", "x-opencode-"];

/// Response headers for the client: how to read the body, when to retry, and the ids for support requests.
const RESPONSE: &[&str] = &[
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-range",
    "content-type",
    "etag",
    "last-modified",
    "openai-model",
    "openai-version",
    "request-id",
    "retry-after",
    "retry-after-ms",
    "server-timing",
    "x-error-message",
    "x-generation-id",
    "x-should-retry",
];

/// Prefixes of further response headers: rate limits, where and how long the model ran, and the state that coding
/// agents send back.
const RESPONSE_PREFIXES: &[&str] = &[
    "anthropic-ratelimit-",
    "openai-processing-",
    "ratelimit",
    "x-codex-",
    "x-compute-",
    "x-inference-",
    "x-ratelimit-",
];

/// Headers that describe the body of an upstream's error, which the gateway replaces, or that the gateway sets on
/// its own errors.
const NOT_ON_ERRORS: &[&str] =
    &["cache-control", "etag", "last-modified", "retry-after", "retry-after-ms", "x-error-message"];

/// The account that Hugging Face bills.
pub(crate) const X_HF_BILL_TO: HeaderName = HeaderName::from_static("x-hf-bill-to");
/// How often OpenAI's clients have sent a request before.
const X_STAINLESS_RETRY_COUNT: HeaderName = HeaderName::from_static("x-stainless-retry-count");

const EVENT_STREAM: &[u8] = b"text/event-stream";

/// The headers of a client's request that are forwarded to the upstream. The gateway sets `Host`,
/// `Content-Length`, `Authorization` and billing itself. `more` are the operator's additions.
pub(crate) fn to_upstream(headers: &HeaderMap, more: &[HeaderName]) -> HeaderMap {
    filtered(headers, |name| (TO_UPSTREAM.has(name) || more.contains(name)).then(|| name.clone()))
}

/// Whether the operator may add a request header to those that are forwarded: not one that carries a caller's
/// credential or address, describes the connection, or that the gateway sets itself.
pub(crate) fn may_be_forwarded(name: &HeaderName) -> bool {
    const DENIED: &[&str] = &[
        "accept-encoding",
        "authorization",
        "connection",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "via",
    ];
    const DENIED_PREFIXES: &[&str] = &["content-", "proxy-", "transfer-", "x-forwarded-", "x-hf-"];
    let name = name.as_str();
    let is_denied = DENIED.contains(&name) || name.ends_with("-key") && !name.ends_with("idempotency-key");
    !is_denied && !DENIED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The headers of an upstream's response that are forwarded to the client. The upstream's `x-request-id`
/// becomes `x-upstream-request-id`, next to the gateway's own.
pub(crate) fn to_client(headers: &HeaderMap) -> HeaderMap {
    filtered(headers, |name| {
        if name == X_REQUEST_ID {
            return Some(X_UPSTREAM_REQUEST_ID);
        }
        TO_CLIENT.has(name).then(|| name.clone())
    })
}

/// The headers of an upstream's response for an error that the gateway writes: rate limits, ids and advice.
pub(crate) fn to_client_with_error(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let kept = to_client(headers);
    let is_of_body = |name: &str| name.starts_with("content-") || NOT_ON_ERRORS.contains(&name);
    let fields = kept.iter().filter(|(name, _)| !is_of_body(name.as_str()));
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Names and beginnings of names.
struct List {
    names: &'static [&'static str],
    prefixes: &'static [&'static str],
    /// Most names that are not listed are recognised by a bit, without a comparison: each request and response has
    /// its headers looked up here.
    name_bits: u128,
    prefix_bits: u128,
}

static TO_UPSTREAM: List = List::new(REQUEST, REQUEST_PREFIXES);
static TO_CLIENT: List = List::new(RESPONSE, RESPONSE_PREFIXES);

impl List {
    #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a fault fails the compilation; `get` is not const
    const fn new(names: &'static [&'static str], prefixes: &'static [&'static str]) -> List {
        let (mut name_bits, mut prefix_bits, mut at) = (0, 0, 0);
        while at < names.len() {
            name_bits |= name_bit(names[at].as_bytes());
            at += 1;
        }
        at = 0;
        while at < prefixes.len() {
            prefix_bits |= first_bit(prefixes[at].as_bytes());
            at += 1;
        }
        List { names, prefixes, name_bits, prefix_bits }
    }

    fn has(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        let is_named = self.name_bits & name_bit(name.as_bytes()) != 0 && self.names.contains(&name);
        is_named
            || self.prefix_bits & first_bit(name.as_bytes()) != 0
                && self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// One of 128 bits, by the length and the last character.
const fn name_bit(name: &[u8]) -> u128 {
    match name {
        [.., last] => 1 << ((name.len() as u32).wrapping_mul(5).wrapping_add(*last as u32) % 128),
        [] => 0,
    }
}

/// One of 128 bits, by the first character.
const fn first_bit(name: &[u8]) -> u128 {
    match name {
        [first, ..] => 1 << (*first as u32 % 128),
        [] => 0,
    }
}

/// Whether the client has sent the request before, as OpenAI's clients report it.
pub(crate) fn is_repetition(headers: &HeaderMap) -> bool {
    headers.get(X_STAINLESS_RETRY_COUNT).is_some_and(|count| count != "0")
}

/// Whether a response is a stream of events.
pub(crate) fn is_event_stream(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.as_bytes().get(..EVENT_STREAM.len()));
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(EVENT_STREAM))
}

/// Whether a response has a content coding.
pub(crate) fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity")
}

fn filtered(headers: &HeaderMap, rename: impl Fn(&HeaderName) -> Option<HeaderName>) -> HeaderMap {
    let mut kept = HeaderMap::new();
    let has_options = headers.contains_key(CONNECTION);
    for (name, value) in headers {
        if let Some(new_name) = rename(name).filter(|_| !has_options || !is_hop_by_hop(headers, name)) {
            kept.append(new_name, value.clone());
        }
    }
    kept
}

/// Whether `Connection` names the header, so that it must not be forwarded (RFC 9110, section 7.6.1). The
/// headers that are always hop-by-hop are denied.
fn is_hop_by_hop(headers: &HeaderMap, name: &HeaderName) -> bool {
    let named =
        headers.get_all(CONNECTION).into_iter().flat_map(|value| value.as_bytes().split(|&b| b == b','));
    named.map(<[u8]>::trim_ascii).any(|named| named.eq_ignore_ascii_case(name.as_str().as_bytes()))
}

/// The value of a header in seconds, whole or with a fraction, as some servers and clients send it. `None`
/// for a date.
pub(crate) fn seconds(headers: &HeaderMap, name: &HeaderName) -> Option<Duration> {
    duration(headers.get(name)?.as_bytes())
}

/// Seconds, whole or with a fraction. serde_json parses them because it is linked anyway; std's float parser
/// would add 15 KB.
pub(crate) fn duration(seconds: &[u8]) -> Option<Duration> {
    Duration::try_from_secs_f64(serde_json::from_slice(seconds).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::RETRY_AFTER;
    use proptest::prelude::*;

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        headers
    }

    const SECRET: &[&str] = &[
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-hf-authorization",
        "cookie",
        "set-cookie",
        "www-authenticate",
        "proxy-authenticate",
        "x-hf-bill-to",
        "openai-organization",
        "openai-project",
        "x-forwarded-for",
        "x-forwarded-host",
        "forwarded",
        "via",
        "x-real-ip",
        "expect",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "keep-alive",
        "connection",
        "host",
        "content-length",
        "accept-encoding",
        "x-scale-up-timeout",
        "access-control-allow-origin",
        "strict-transport-security",
        "alt-svc",
        "server",
        "content-security-policy",
        "clear-site-data",
        "refresh",
        "x-accel-redirect",
    ];

    #[test]
    fn a_list_has_its_names_and_beginnings_and_nothing_else() {
        for (list, names, prefixes) in
            [(&TO_UPSTREAM, REQUEST, REQUEST_PREFIXES), (&TO_CLIENT, RESPONSE, RESPONSE_PREFIXES)]
        {
            let has = |name: &str| list.has(&HeaderName::try_from(name).unwrap());
            assert!(names.iter().all(|name| has(name)));
            assert!(prefixes.iter().all(|prefix| has(&format!("{prefix}a"))));
            let longer = names.iter().map(|name| format!("{name}-x"));
            assert!(
                longer
                    .filter(|name| !prefixes.iter().any(|prefix| name.starts_with(prefix)))
                    .all(|name| !has(&name))
            );
        }
    }

    #[test]
    fn seconds_may_have_a_fraction_and_other_values_are_ignored() {
        let parsed = |value: &'static str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            seconds(&headers, &RETRY_AFTER)
        };
        assert_eq!([parsed("30"), parsed("0")], [Some(Duration::from_secs(30)), Some(Duration::ZERO)]);
        assert_eq!(parsed("0.25"), Some(Duration::from_millis(250)));
        for ignored in ["", "-1", "soon", "inf", "NaN", "1e300", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            assert_eq!(parsed(ignored), None, "{ignored}");
        }
        assert_eq!(seconds(&HeaderMap::new(), &RETRY_AFTER), None);
    }

    #[test]
    fn a_request_keeps_the_headers_that_upstreams_read() {
        let sent = map(&[
            ("Content-Type", "application/json"),
            ("ACCEPT", "*/*"),
            ("user-agent", "openai/3"),
            ("anthropic-version", "2023-06-01"),
            ("traceparent", "00-1-2-01"),
            ("connection", "keep-alive"),
            ("x-stainless-os", "Linux"),
            ("accept-encoding", "gzip"),
        ]);
        let kept = to_upstream(&sent, &[]);
        assert_eq!(kept.len(), 5);
        assert_eq!(kept["content-type"], "application/json");
    }

    #[test]
    fn a_response_keeps_the_headers_that_clients_read() {
        let sent = map(&[
            ("content-type", "text/event-stream; charset=utf-8"),
            ("retry-after", "7"),
            ("x-ratelimit-remaining-tokens", "5"),
            ("RateLimit-Policy", "\"a\";q=1"),
            ("ratelimit", "\"a\";r=0;t=7"),
            ("anthropic-ratelimit-requests-limit", "1"),
            ("x-request-id", "Root=1;2"),
            ("x-upstream-request-id", "forged"),
            ("x-compute-time", "0.1"),
            ("set-cookie", "a=b"),
        ]);
        let kept = to_client(&sent);
        assert_eq!(kept.len(), 8);
        assert_eq!(kept.get_all("x-upstream-request-id").iter().collect::<Vec<_>>(), ["Root=1;2"]);
        assert!(!kept.contains_key("x-request-id"));
    }

    #[test]
    fn headers_named_by_connection_are_not_forwarded() {
        let sent = map(&[
            ("connection", "close, Traceparent"),
            ("connection", " USER-AGENT ,,"),
            ("traceparent", "1"),
            ("user-agent", "x"),
            ("x-request-id", "1"),
            ("accept", "*/*"),
        ]);
        assert_eq!(to_upstream(&sent, &[]).keys().collect::<Vec<_>>(), ["accept"]);
        assert_eq!(to_client(&map(&[("connection", "x-request-id"), ("x-request-id", "1")])).len(), 0);
    }

    /// A name in any mixture of cases.
    fn any_case(names: &'static [&'static str]) -> impl Strategy<Value = String> {
        (prop::sample::select(names), any::<u64>()).prop_map(|(name, cases)| {
            let upper = |at: usize| cases >> (at % 64) & 1 == 1;
            name.char_indices().map(|(at, c)| if upper(at) { c.to_ascii_uppercase() } else { c }).collect()
        })
    }

    fn field() -> impl Strategy<Value = (String, Vec<u8>)> {
        let name = prop_oneof![
            any_case(SECRET),
            any_case(REQUEST),
            any_case(RESPONSE),
            Just("x-request-id".to_owned()),
            "x-[a-z-]{1,12}",
            "(x-ratelimit-|ratelimit|x-hf-|x-forwarded-|proxy-|access-control-)[a-z]{1,5}",
        ];
        let value = prop::collection::vec(prop_oneof![0x20..0x7F_u8, 0x80..=0xFF_u8], 0..12);
        let listed = prop::collection::vec(prop_oneof![any_case(SECRET), any_case(REQUEST)], 0..4);
        prop_oneof![
            4 => (name, value),
            1 => listed.prop_map(|names| ("Connection".to_owned(), names.join(" , ").into_bytes())),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn no_secret_is_forwarded_and_no_value_changes(fields in prop::collection::vec(field(), 0..12)) {
            let mut sent = HeaderMap::new();
            for (name, value) in &fields {
                sent.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value).unwrap());
            }
            for kept in [to_upstream(&sent, &[]), to_client(&sent)] {
                for name in kept.keys() {
                    prop_assert!(!SECRET.contains(&name.as_str()), "{}", name);
                    let banned = ["x-hf-", "x-forwarded-", "proxy-", "access-control-"];
                    prop_assert!(!banned.iter().any(|prefix| name.as_str().starts_with(prefix)), "{}", name);
                    let origin = if name == X_UPSTREAM_REQUEST_ID { X_REQUEST_ID } else { name.clone() };
                    let before: Vec<_> = sent.get_all(origin).iter().collect();
                    prop_assert_eq!(kept.get_all(name).iter().collect::<Vec<_>>(), before);
                }
                let listed = fields.iter().filter(|(name, _)| name == "Connection");
                for named in listed.flat_map(|(_, value)| value.split(|&b| b == b',')) {
                    // A name that is not text names no header.
                    let Ok(named) = str::from_utf8(named.trim_ascii()) else { continue };
                    prop_assert!(!kept.contains_key(named), "{}", named);
                }
            }
        }
    }
}
