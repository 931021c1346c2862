//! Cross-origin resource sharing (Fetch standard, "CORS protocol").

use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};

use crate::web::{Origin, host_of};

/// How long a browser may cache a preflight's response: two hours, the maximum in Chromium.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Which sites' pages may call the service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Cors {
    /// No other site.
    #[default]
    None,
    /// Every site, without credentials.
    Any,
    /// These origins and patterns of origins, with credentials; see [`Cors::matches`].
    Origins(Vec<String>),
}

impl Cors {
    /// Parses `none`, `*`, or entries separated by commas: origins (scheme, host, optional port), `https://*.site.example`,
    /// `http://localhost:*`, or the scheme of an app such as `myapp://`.
    pub fn parse(text: &str) -> Option<Cors> {
        match text {
            "none" => Some(Cors::None),
            "*" => Some(Cors::Any),
            _ => text
                .split(',')
                .map(|entry| parse_entry(entry.trim()))
                .collect::<Option<_>>()
                .map(Cors::Origins),
        }
    }

    /// Whether an entry of the setting covers an origin, which must be written as browsers do. `*.` stands for one or more
    /// labels of a name, `:*` for any port.
    pub fn matches(entry: &str, origin: &str) -> bool {
        let Some((before, after)) = entry.split_once('*') else { return entry == origin };
        match before.strip_suffix(':') {
            Some(host) if after.is_empty() => origin.strip_prefix(host).is_some_and(|rest| {
                let port = rest.strip_prefix(':').filter(|digits| !digits.is_empty());
                rest.is_empty() || port.is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            }),
            _ => {
                origin.strip_prefix(before).and_then(|rest| rest.strip_suffix(after)).is_some_and(|labels| {
                    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                    labels.split('.').all(|label| !label.is_empty() && label.bytes().all(plain))
                })
            }
        }
    }

    /// Whether a request with these headers is a preflight.
    pub fn is_preflight(request: &HeaderMap) -> bool {
        request.contains_key(ORIGIN) && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    /// Adds the headers that let a page at `origin` read the response, if it may. `expose` names the response headers that
    /// the page may read.
    pub fn apply(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap, expose: &'static str) {
        if let Cors::Origins(_) = self {
            response.append(VARY, HeaderValue::from_static("origin"));
        }
        let Some(admitted) = origin.and_then(|origin| self.admit(origin)) else { return };
        if admitted != "*" {
            response.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, admitted);
        response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(expose));
    }

    /// Adds the headers of a preflight that [`Cors::apply`] does not: `methods` is the path's `Allow`, and the requested
    /// headers are all allowed.
    pub fn preflight(&self, request: &HeaderMap, response: &mut HeaderMap, methods: HeaderValue) {
        if request.get(ORIGIN).and_then(|origin| self.admit(origin)).is_none() {
            return;
        }
        response.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        response.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        response.append(VARY, HeaderValue::from_static("access-control-request-headers"));
        if let Some(headers) = request.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            response.insert(ACCESS_CONTROL_ALLOW_HEADERS, headers.clone());
        }
    }

    /// The value for `Access-Control-Allow-Origin`, if the origin is allowed.
    fn admit(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        match self {
            Cors::None => None,
            Cors::Any => Some(HeaderValue::from_static("*")),
            Cors::Origins(allowed) => {
                let text = origin.to_str().ok()?;
                allowed.iter().any(|entry| Cors::matches(entry, text)).then(|| origin.clone())
            }
        }
    }
}

/// An entry of the setting.
fn parse_entry(text: &str) -> Option<String> {
    if let Some(scheme) = text.strip_suffix("://") {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b);
        // Schemes that browsers handle themselves.
        let taken =
            ["http", "https", "ws", "wss", "ftp", "file", "data", "blob", "about", "javascript", "vbscript"];
        let app = scheme.starts_with(|c: char| c.is_ascii_lowercase()) && scheme.bytes().all(plain);
        return (app && !taken.contains(&scheme)).then(|| text.to_owned());
    }
    if let Some(host) = text.strip_suffix(":*") {
        // Any port only on this machine, where development servers choose one.
        let origin = Origin::parse(host).filter(Origin::is_loopback)?;
        let authority = host.split_once("://")?.1;
        return (host_of(authority) == authority && origin.to_string() == host).then(|| text.to_owned());
    }
    match text.split_once("://*.") {
        // A name without a dot is a top-level domain, or an address.
        Some((scheme, domain)) if domain.contains('.') && !domain.contains(['[', '*']) => {
            let origin = parse_origin(&format!("{scheme}://{domain}"))?;
            let (scheme, domain) = origin.split_once("://")?;
            let numeric = domain.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b':');
            (!numeric).then(|| format!("{scheme}://*.{domain}"))
        }
        _ => parse_origin(text),
    }
}

/// An origin that is spelled as browsers send it, apart from its case and the default port: any other spelling would
/// never match.
fn parse_origin(text: &str) -> Option<String> {
    let origin = Origin::parse(text)?;
    let (given, sent) = (text.to_ascii_lowercase(), origin.to_string());
    let with_port = || given.strip_prefix(&sent) == Some(if origin.tls { ":443" } else { ":80" });
    (given == sent || with_port()).then_some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_origins_are_accepted_in_the_setting() {
        let two = Cors::parse("https://Site.example:443, http://localhost:3000").unwrap();
        assert_eq!(
            two,
            Cors::Origins(vec!["https://site.example".to_owned(), "http://localhost:3000".to_owned()])
        );
        for rejected in [
            "site.example",
            "https://a/",
            "ftp://a",
            "https://u@a",
            "https://a,*",
            "https://*.a",
            "https://:1",
            "null",
        ] {
            assert_eq!(Cors::parse(rejected), None, "{rejected}");
        }
    }

    #[test]
    fn a_pattern_covers_hosts_below_a_domain_ports_of_this_machine_or_an_app() {
        for (entry, covered, not_covered) in [
            (
                "https://*.site.example",
                &["https://a.site.example", "https://a.b.site.example"][..],
                &[
                    "https://site.example",
                    "http://a.site.example",
                    "https://a.site.example:8443",
                    "https://asite.example",
                    "https://.site.example",
                    "https://evil.example/.site.example",
                    "https://evil.example?.site.example",
                    "https://u@a.site.example",
                    "https://a..site.example",
                    "https://*.site.example",
                ][..],
            ),
            ("https://*.site.example:8443", &["https://a.site.example:8443"], &["https://a.site.example"]),
            (
                "http://localhost:*",
                &["http://localhost", "http://localhost:3000"],
                &[
                    "https://localhost:3000",
                    "http://localhost:",
                    "http://localhost:3@evil",
                    "http://localhost.evil.example",
                ],
            ),
            ("http://[::1]:*", &["http://[::1]:3000"], &["http://[::1]x"]),
            ("myapp://", &["myapp://"], &["myapp://x", "myapp2://", "null"]),
        ] {
            assert_eq!(Cors::parse(entry), Some(Cors::Origins(vec![entry.to_owned()])), "{entry}");
            for origin in covered {
                assert!(Cors::matches(entry, origin), "{entry} {origin}");
            }
            for origin in not_covered {
                assert!(!Cors::matches(entry, origin), "{entry} {origin}");
            }
        }
        for rejected in [
            "https://*",
            "https://*.example",
            "https://*.1.1",
            "https://*.*.site.example",
            "https://a.*.example",
            "https://*site.example",
            "*.site.example",
            "http://localhost:3000:*",
            "http://192.168.0.1:*",
            "javascript://",
            "https://",
            "MyApp://",
            "my app://",
            "://",
        ] {
            assert_eq!(Cors::parse(rejected), None, "{rejected}");
        }
    }

    #[test]
    fn an_origin_that_browsers_write_differently_is_rejected() {
        for rejected in [
            "https://site.example:0443",
            "https://site.example:",
            "https://site.example:*",
            "https://site.example:+80",
            "http://[0:0::1]:3000",
            "http://[::0001]",
            "http://127.1:3000",
            "http://0x7f.1",
            "http://127.0.0.0x1",
            "http://2130706433",
            "https://a%2eb.example",
            "https://site.example?",
        ] {
            assert_eq!(Cors::parse(rejected), None, "{rejected}");
        }
        for right in [
            "https://my_site.example",
            "http://[::1]:3000",
            "http://127.0.0.1:8080",
            "https://xn--bcher-kva.example",
            "https://1.example",
            "https://abc.def",
            "https://cafe",
            "https://host.1a",
        ] {
            assert_eq!(Cors::parse(right), Some(Cors::Origins(vec![right.to_owned()])), "{right}");
        }
    }

    #[test]
    fn credentials_go_with_exact_origins_only() {
        let from = HeaderValue::from_static("https://site.example");
        let mut any = HeaderMap::new();
        Cors::Any.apply(Some(&from), &mut any, "x-request-id");
        assert_eq!(any["access-control-allow-origin"], "*");
        assert!(!any.contains_key("access-control-allow-credentials"));

        let mut exact = HeaderMap::new();
        Cors::parse("https://site.example").unwrap().apply(Some(&from), &mut exact, "x-request-id");
        assert_eq!(exact["access-control-allow-origin"], "https://site.example");
        assert_eq!(exact["access-control-allow-credentials"], "true");
        assert_eq!(exact["vary"], "origin");
    }

    #[test]
    fn a_foreign_origin_gets_only_vary() {
        let cors = Cors::parse("https://site.example").unwrap();
        for origin in ["https://site.example.evil", "https://site.example:444", "http://site.example", "null"]
        {
            let mut response = HeaderMap::new();
            cors.apply(Some(&HeaderValue::from_static(origin)), &mut response, "x-request-id");
            assert_eq!(response.len(), 1, "{origin}: {response:?}");
        }
    }
}
