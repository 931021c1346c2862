//! The origins that may use this service: its own, and those of the trusted sites.

use space_kit::web::{Origin, host_of};

/// The origins that may use this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustedOrigins {
    /// The service's own origin.
    base: String,
    sites: Vec<String>,
}

impl TrustedOrigins {
    /// `sites` must be origins as browsers write them.
    pub(crate) fn new(base: &Origin, sites: Vec<String>) -> TrustedOrigins {
        TrustedOrigins { base: base.to_string(), sites }
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

    /// Whether a `Host` header names the service's own host, on any port.
    pub(crate) fn is_own_host(&self, authority: &str) -> bool {
        let own = self.base.split_once("://").map_or("", |(_, authority)| authority);
        host_of(authority).eq_ignore_ascii_case(host_of(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_own_host_is_recognized_on_any_port_and_in_any_case() {
        let trusted = TrustedOrigins::new(&Origin::parse("https://auth.example:8443").unwrap(), vec![]);
        for own in ["auth.example", "AUTH.example:1", "auth.example:8443"] {
            assert!(trusted.is_own_host(own), "{own}");
        }
        for other in ["", "example", "auth.example.", "xauth.example", "auth.example@evil.example"] {
            assert!(!trusted.is_own_host(other), "{other}");
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
                prop_assert_eq!(Origin::parse(&origin).map(|parsed| parsed.to_string()), Some(origin.clone()));
                if let Ok(url) = url::Url::parse(&origin) {
                    prop_assert_eq!(url.origin().ascii_serialization(), origin);
                }
            }
        }
    }
}
