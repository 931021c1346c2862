//! Origins: the service's own, and those of the sites that it trusts.

use std::net::IpAddr;

/// The origins that may use this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustedOrigins {
    /// The service's own origin.
    base: String,
    sites: Vec<String>,
}

impl TrustedOrigins {
    /// `base` and `sites` must be origins as [`parse`] returns them.
    pub(crate) fn new(base: String, sites: Vec<String>) -> TrustedOrigins {
        TrustedOrigins { base, sites }
    }

    /// The service's own origin.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Whether an origin is the service's own or that of a trusted site.
    pub(crate) fn contains(&self, origin: &str) -> bool {
        self.base == origin || self.sites.iter().any(|site| site == origin)
    }

    /// The trusted sites without the service's own origin.
    pub(crate) fn sites(&self) -> &[String] {
        &self.sites
    }
}

/// The origin of an address (`https://host:port/path?query#fragment`) as browsers write it: in lower case, without the
/// default port. `None` if the address contains anything that URL parsers disagree on: a user name, percent signs or
/// backslashes in the authority, or missing slashes.
pub(crate) fn of_address(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (inside, after) = rest.split_once(']')?;
            let ip: std::net::Ipv6Addr = inside.parse().ok()?;
            (format!("[{ip}]"), after.strip_prefix(':').map_or_else(|| after.is_empty().then_some(""), Some)?)
        }
        None => {
            let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
            (host.to_ascii_lowercase(), port)
        }
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if host.is_empty() || !(host.starts_with('[') || host.bytes().all(plain)) {
        return None;
    }
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    let port: u16 = if port.is_empty() { default_port } else { port.parse().ok().filter(|_| digits)? };
    Some(match port == default_port {
        true => format!("{scheme}://{host}"),
        false => format!("{scheme}://{host}:{port}"),
    })
}

/// An origin without a path, such as `https://site.example` or `http://localhost:3000`. A trailing slash is accepted.
pub(crate) fn parse(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("://")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '?', '#']) { None } else { of_address(text) }
}

/// Whether an origin is on this machine.
pub(crate) fn is_loopback(origin: &str) -> bool {
    let host = host(origin);
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
}

/// The host of an origin or of a `Host` header, without its port.
pub(crate) fn host(origin: &str) -> &str {
    let authority = origin.split_once("://").map_or(origin, |(_, authority)| authority);
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => host,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_origin_is_normalized_as_browsers_do() {
        for (text, origin) in [
            ("https://Site.Example:443", "https://site.example"),
            ("HTTP://localhost:3000/", "http://localhost:3000"),
            ("http://[0:0::1]:80", "http://[::1]"),
            ("https://a.example:0443", "https://a.example"),
            ("http://a.example:443", "http://a.example:443"),
            ("https://my_site.example", "https://my_site.example"),
        ] {
            assert_eq!(parse(text).as_deref(), Some(origin), "{text}");
        }
        for rejected in [
            "",
            "site.example",
            "https://",
            "https:site.example",
            "https:/site.example",
            "ftp://site.example",
            "https://site.example/path",
            "https://site.example?x",
            "https://user@site.example",
            "https://site.example:99999",
            "https://site.example:+80",
            "https://*.site.example",
            "https://site.example\\@x",
            "https://%73ite.example",
            "https://[::1",
            "https://[::1]x",
            "null",
        ] {
            assert_eq!(parse(rejected), None, "{rejected}");
        }
    }

    #[test]
    fn only_the_host_decides_whether_an_origin_is_loopback() {
        for here in ["http://localhost:1", "http://127.0.0.1", "http://127.9.9.9:80", "http://[::1]:3000"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in
            ["http://localhost.evil.example", "https://10.0.0.1", "http://127.0.0.1.example", "http://[::2]"]
        {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn an_accepted_cors_origin_is_already_normalized(
            text in "https?://([a-c0-3_.-]|0x|example|127.0.0.1|\\[::1\\]|\\[0:0::1\\]){1,6}(:[0-9+*]{0,5})?"
        ) {
            let Some(space_kit::Cors::Origins(origins)) = space_kit::Cors::parse(&text) else { return Ok(()) };
            for origin in origins {
                prop_assert_eq!(parse(&origin), Some(origin.clone()));
                if let Ok(url) = url::Url::parse(&origin) {
                    prop_assert_eq!(url.origin().ascii_serialization(), origin);
                }
            }
        }

        #[test]
        fn an_origin_equals_the_one_of_the_url_crate(
            text in "(http|https|HTTP)(://|:/|:)([a-c1-3_.:@%\\[\\]-]|0x|example|127.0.0.1|\\[::1\\]){0,8}[/?#a-c\\\\]{0,4}"
        ) {
            let Some(ours) = of_address(&text) else { return Ok(()) };
            // A browser rewrites hosts such as 1.2 or 0x7f; in that form they never equal a trusted origin.
            if let Ok(url) = url::Url::parse(&text)
                && url.host_str().is_some_and(|host| text.to_ascii_lowercase().contains(host))
            {
                prop_assert_eq!(ours, url.origin().ascii_serialization());
            }
        }
    }
}
