//! Absolute http and https addresses, without the parts that readers of addresses disagree on.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use hyper::Uri;
use hyper::header::HeaderValue;

/// An absolute address: where to connect, and the target of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// Scheme, host and port.
    pub origin: Origin,
    /// Path and query as a request line has them (RFC 9112 section 3.2.1); at least `/`.
    pub target: String,
}

/// Scheme, host and port (RFC 6454 section 4). It is shown as `https://host`, with a port that is not the
/// scheme's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether the scheme is https.
    pub tls: bool,
    /// A name in lower case or an IP address, without brackets.
    pub host: String,
    /// The port, the scheme's own where none is written.
    pub port: u16,
    /// Made once: each request has it.
    authority: HeaderValue,
}

impl Url {
    /// Parses `http://` and `https://` addresses of visible ASCII characters. No user information and no
    /// fragment; a port, if there is one, is a number.
    pub fn parse(text: &str) -> Option<Url> {
        let plain = text.bytes().all(|b| b.is_ascii_graphic() && !b"#@\\\"<>^`{|}".contains(&b));
        let uri: Uri = if plain { text.parse().ok()? } else { return None };
        let tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let host = authority.host();
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(address) => address.parse::<Ipv6Addr>().is_ok().then_some(address)?,
            None => Some(host).filter(|host| !host.contains(['[', ']', ':']))?,
        };
        let port = match authority.as_str().rsplit_once(':') {
            Some((before, port)) if !port.ends_with(']') || !before.starts_with('[') => {
                port.parse().ok().filter(|_| port.bytes().all(|b| b.is_ascii_digit()))?
            }
            _ if tls => 443,
            _ => 80,
        };
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let host = Some(host).filter(|host| !host.is_empty())?.to_ascii_lowercase();
        let mut authority = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        if port != if tls { 443 } else { 80 } {
            authority.push_str(&format!(":{port}"));
        }
        let authority = HeaderValue::try_from(authority).ok()?;
        Some(Url { origin: Origin { tls, host, port, authority }, target })
    }

    /// Whether what comes from here can be trusted to be the host's: https, or this machine, where nobody is
    /// in between.
    pub fn is_secure(&self) -> bool {
        self.origin.tls || self.origin.is_loopback()
    }
}

impl Origin {
    /// Whether the host is this machine, by its name or address.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost"
            || self.host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
    }

    /// Host and port as the `Host` header has them (RFC 9110 section 7.2).
    pub fn authority(&self) -> &HeaderValue {
        &self.authority
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.authority.to_str().unwrap_or_default();
        write!(f, "{}://{authority}", if self.tls { "https" } else { "http" })
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
    fn an_address_is_taken_apart_and_put_together_again() {
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
    fn what_comes_over_tls_or_from_this_machine_is_secure() {
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
    fn what_readers_disagree_on_is_refused() {
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
        fn plain_http_is_secure_on_loopback_alone(host in "[a-z0-9.\\[\\]:@#/\\\\-]{1,20}") {
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
        fn what_is_shown_is_read_the_same(text in "https?://[a-z0-9.\\[\\]:-]{1,16}(/[!-~]{0,12})?") {
            if let Some(url) = Url::parse(&text) {
                prop_assert_eq!(Url::parse(&url.to_string()), Some(url));
            }
        }
    }
}
