//! The origins that may use this service: its own, and those of the trusted sites.

use space_kit::Cors;
use space_kit::web::{Origin, host_of};

/// The origins that may use this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TrustedOrigins {
    /// The service's own origin.
    base: String,
    /// The origins of the Space's further host names (custom domains).
    own: Vec<String>,
    sites: Vec<String>,
}

impl TrustedOrigins {
    /// `sites` must be entries that the kit's setting accepts.
    pub(crate) fn new(base: &Origin, sites: Vec<String>) -> TrustedOrigins {
        TrustedOrigins { base: base.to_string(), own: Vec::new(), sites }
    }

    /// The same with further origins of the service's own.
    pub(crate) fn with_own(self, own: Vec<String>) -> TrustedOrigins {
        TrustedOrigins { own, ..self }
    }

    /// The service's own origin.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Whether an origin is the service's own or that of a trusted site.
    pub(crate) fn contains(&self, origin: &str) -> bool {
        self.base == origin
            || self.own.iter().any(|own| own == origin)
            || self.sites.iter().any(|site| Cors::matches(site, origin))
    }

    /// Whether an address is one of a trusted app: its scheme, `://` and anything.
    pub(crate) fn is_app(&self, address: &str) -> bool {
        let scheme = address.split_inclusive("://").next().unwrap_or_default().to_ascii_lowercase();
        scheme.ends_with("://") && self.sites.contains(&scheme)
    }

    /// The trusted sites without the service's own origin.
    pub(crate) fn sites(&self) -> &[String] {
        &self.sites
    }

    /// Whether a `Host` header names the host on which sign-ins happen, on any port.
    pub(crate) fn is_own_host(&self, authority: &str) -> bool {
        is_host_of(authority, &self.base)
    }

    /// Whether a `Host` header names a custom domain of the Space.
    pub(crate) fn is_custom_host(&self, authority: &str) -> bool {
        self.own.iter().any(|own| is_host_of(authority, own))
    }
}

fn is_host_of(authority: &str, origin: &str) -> bool {
    let own = origin.split_once("://").map_or("", |(_, authority)| authority);
    host_of(authority).eq_ignore_ascii_case(host_of(own))
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

    #[test]
    fn every_host_of_a_space_is_its_own_but_sign_ins_happen_on_the_first() {
        let base = Origin::parse("https://owner-name.hf.space").unwrap();
        let trusted = TrustedOrigins::new(&base, vec![]).with_own(vec!["https://custom.example".to_owned()]);
        assert!(trusted.contains("https://custom.example") && trusted.is_custom_host("custom.example:443"));
        assert!(trusted.is_own_host("owner-name.hf.space") && !trusted.is_own_host("custom.example"));
        assert!(!trusted.contains("http://custom.example") && !trusted.is_custom_host("evil.example"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn an_accepted_cors_origin_is_already_normalized(
            text in "https?://([a-c0-3_.-]|0x|example|127.0.0.1|\\[::1\\]|\\[0:0::1\\]){1,6}(:[0-9+*]{0,5})?"
        ) {
            let Some(space_kit::Cors::Origins(origins)) = space_kit::Cors::parse(&text) else { return Ok(()) };
            for origin in origins.into_iter().filter(|origin| !origin.contains('*')) {
                prop_assert_eq!(Origin::parse(&origin).map(|parsed| parsed.to_string()), Some(origin.clone()));
                if let Ok(url) = url::Url::parse(&origin) {
                    prop_assert_eq!(url.origin().ascii_serialization(), origin);
                }
            }
        }
    }
}
