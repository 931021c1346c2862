//! Absolute http and https addresses, without the parts that URL parsers disagree on.

use std::fmt;

use hyper::Uri;

use crate::web::Origin;

/// An absolute address: the origin to connect to, and the target of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Scheme, host and port.
    pub origin: Origin,
    /// Path and query in the form of a request line (RFC 9112 section 3.2.1); at least `/`.
    pub target: String,
}

impl Url {
    /// Parses `http://` and `https://` addresses of visible ASCII characters, without user information and fragment. See
    /// [`Origin::of_address`] for what an origin may be.
    pub fn parse(text: &str) -> Option<Url> {
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"#@\\\"<>^`{|}".contains(&b));
        let uri: Uri = if plain { text.parse().ok()? } else { return None };
        let origin = Origin::of_address(text)?;
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Some(Url { origin, target })
    }

    /// Whether a response from here is authentic: over https, or from this machine.
    pub fn is_secure(&self) -> bool {
        self.origin.tls || self.origin.is_loopback()
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_is_parsed_and_shown_again() {
        for (text, shown) in [
            ("https://Id.Example", "https://id.example/"),
            ("https://id.example:443/a?b=c", "https://id.example/a?b=c"),
            ("http://id.example:443/", "http://id.example:443/"),
            ("http://[2001:DB8::1]:8080/v1", "http://[2001:db8::1]:8080/v1"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]/"),
        ] {
            assert_eq!(Url::parse(text).map(|url| url.to_string()).as_deref(), Some(shown));
        }
    }

    #[test]
    fn https_and_this_machine_are_secure() {
        for url in [
            "https://id.example",
            "https://id.example:8443/a/b?c=d",
            "https://[2001:db8::1]:443/jwks",
            "http://localhost:9000",
            "http://LOCALHOST/",
            "http://127.0.0.1:9000/jwks",
            "http://127.9.9.9/",
            "http://[::1]:9000/",
            "http://[::ffff:127.0.0.1]/",
        ] {
            assert!(Url::parse(url).is_some_and(|url| url.is_secure()), "{url}");
        }
        for url in ["http://id.example", "http://10.0.0.1/", "http://localhost.evil.example/"] {
            assert!(!Url::parse(url).unwrap().is_secure(), "{url}");
        }
    }

    #[test]
    fn an_address_that_parsers_disagree_on_is_rejected() {
        for url in [
            "",
            "id.example",
            "/jwks",
            "https://",
            "https:///jwks",
            "https://:443/",
            "http://localhost@evil.example/",
            "https://user:pass@id.example/",
            "https://id.example/#fragment",
            "https://id.example\\@evil.example/",
            "https://id.example/a b",
            "https://id.example/\n",
            "https://id.example:x/",
            "https://id.example:/",
            "https://id.example:+1/",
            "https://id.example:99999/",
            "http://-[:]:0",
            "http://a]/",
            "http://[a.example]/",
            "file:///etc/passwd",
            "ftp://id.example/",
            "javascript:alert(1)",
        ] {
            assert_eq!(Url::parse(url), None, "{url}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn plain_http_is_secure_only_on_loopback(host in "[a-z0-9.\\[\\]:@#/\\\\-]{1,20}") {
            let url = format!("http://{host}/jwks");
            if Url::parse(&url).is_some_and(|url| url.is_secure()) {
                let named = host.split(['/', ':']).next().unwrap_or_default();
                prop_assert!(
                    named == "localhost" || named.starts_with("127.") || host.starts_with('['),
                    "{}", url
                );
            }
        }

        #[test]
        fn a_shown_address_parses_to_the_same(text in "https?://[a-z0-9.\\[\\]:-]{1,16}(/[!-~]{0,12})?") {
            if let Some(url) = Url::parse(&text) {
                prop_assert_eq!(Url::parse(&url.to_string()), Some(url));
            }
        }
    }
}
