//! Origins (RFC 6454 section 4): scheme, host and port. This is the only parser of them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::header::HeaderValue;

/// Scheme, host and port. It is shown as browsers write it: in lower case, and without the scheme's default port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// Whether the scheme is https; otherwise it is http.
    pub tls: bool,
    /// A name in lower case or an IP address, without brackets.
    pub host: String,
    /// The port; the scheme's default if none is written.
    pub port: u16,
    /// Made once, because every outgoing request sends it.
    authority: HeaderValue,
}

impl Origin {
    /// Parses an origin such as `https://site.example` or `http://localhost:3000`; one slash may follow it.
    pub fn parse(text: &str) -> Option<Origin> {
        let (_, authority) = text.split_once("://")?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains(['/', '?', '#']) { None } else { Origin::of_address(text) }
    }

    /// The origin of an absolute http or https address. `None` for anything that browsers and other parsers read
    /// differently: user names, percent signs or backslashes in the authority, missing slashes, an empty port, and
    /// IPv4 addresses in any other spelling than four decimal numbers.
    pub fn of_address(address: &str) -> Option<Origin> {
        let (scheme, rest) = address.split_once("://")?;
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (inside, after) = rest.split_once(']')?;
                let ip: Ipv6Addr = inside.parse().ok()?;
                let port = if after.is_empty() { None } else { Some(after.strip_prefix(':')?) };
                (ip.to_string(), port)
            }
            None => {
                let (host, port) = match authority.split_once(':') {
                    Some((host, port)) => (host, Some(port)),
                    None => (authority, None),
                };
                (Some(host).filter(|host| is_name(host))?.to_ascii_lowercase(), port)
            }
        };
        let port = match port {
            Some(digits) => digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?,
            None => default_port(tls),
        };
        let mut authority = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        if port != default_port(tls) {
            authority.push_str(&format!(":{port}"));
        }
        let authority = HeaderValue::try_from(authority).ok()?;
        Some(Origin { tls, host, port, authority })
    }

    /// Whether the host is this machine, by its name or address.
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(&self.host)
    }

    /// Host and port in the form of the `Host` header (RFC 9110 section 7.2).
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

fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// Whether browsers accept a host as a name or an IPv4 address and keep its spelling, apart from its case.
fn is_name(host: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    // A name whose last label is a number is an IPv4 address in some spelling (URL standard, section 3.5).
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
    let (digits, is_digit): (&str, fn(&u8) -> bool) = match last.get(..2) {
        Some("0x" | "0X") => (last.get(2..).unwrap_or_default(), u8::is_ascii_hexdigit),
        _ => (last, u8::is_ascii_digit),
    };
    let number = !last.is_empty() && digits.as_bytes().iter().all(is_digit);
    !host.is_empty() && host.bytes().all(plain) && (!number || host.parse::<Ipv4Addr>().is_ok())
}

/// Whether a host, without port and brackets, is this machine: `localhost` or a loopback address.
pub fn is_loopback_host(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The host in an authority such as a `Host` header's value, without the port. An IPv6 address keeps its brackets.
pub fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> Option<String> {
        Origin::parse(text).map(|origin| origin.to_string())
    }

    #[test]
    fn an_origin_is_shown_as_browsers_write_it() {
        for (text, origin) in [
            ("https://Site.Example:443", "https://site.example"),
            ("HTTP://localhost:3000/", "http://localhost:3000"),
            ("http://[0:0::1]:80", "http://[::1]"),
            ("https://a.example:0443", "https://a.example"),
            ("http://a.example:443", "http://a.example:443"),
            ("https://my_site.example", "https://my_site.example"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(origin), "{text}");
        }
    }

    #[test]
    fn an_origin_that_parsers_disagree_on_is_rejected() {
        for rejected in [
            "",
            "site.example",
            "https://",
            "https:site.example",
            "https:/site.example",
            "https:///site.example",
            "ftp://site.example",
            "https://site.example/path",
            "https://site.example?x",
            "https://user@site.example",
            "https://site.example:99999",
            "https://site.example:+80",
            "https://site.example:",
            "https://*.site.example",
            "https://site.example\\@x",
            "https://%73ite.example",
            "https://[::1",
            "https://[::1]x",
            "http://127.1",
            "http://0x7f.1",
            "http://2130706433",
            "null",
        ] {
            assert_eq!(shown(rejected), None, "{rejected}");
        }
    }

    #[test]
    fn loopback_is_decided_by_the_host_only() {
        for here in [
            "http://localhost:1",
            "http://127.0.0.1",
            "http://127.9.9.9:80",
            "http://[::1]:3000",
            "http://[::ffff:127.0.0.1]",
        ] {
            assert!(Origin::parse(here).unwrap().is_loopback(), "{here}");
        }
        for elsewhere in
            ["http://localhost.evil.example", "https://10.0.0.1", "http://127.0.0.1.example", "http://[::2]"]
        {
            assert!(!Origin::parse(elsewhere).unwrap().is_loopback(), "{elsewhere}");
        }
    }

    #[test]
    fn the_host_of_an_authority_has_no_port() {
        for (authority, host) in [
            ("a.example:80", "a.example"),
            ("a.example", "a.example"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(host_of(authority), host);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn an_origin_is_the_one_that_a_browser_finds(
            text in "(http|https|HTTP)(://|:/|:)([a-c1-3_.:@%\\[\\]-]|0x|example|127.0.0.1|\\[::1\\]){0,8}[/?#a-c\\\\]{0,4}"
        ) {
            let Some(ours) = Origin::of_address(&text) else { return Ok(()) };
            if let Ok(url) = url::Url::parse(&text) {
                prop_assert_eq!(ours.to_string(), url.origin().ascii_serialization());
            }
        }

        #[test]
        fn a_shown_origin_parses_to_the_same(text in "https?://[a-z0-9.\\[\\]:-]{1,16}") {
            if let Some(origin) = Origin::parse(&text) {
                prop_assert_eq!(Origin::parse(&origin.to_string()), Some(origin));
            }
        }
    }
}
