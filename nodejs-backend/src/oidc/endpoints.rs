//! The endpoints in a provider's metadata.

use serde_json::Value;
use space_kit::jwks::{DiscoveryError, Metadata};

/// The parts of a provider's metadata that a sign-in uses. All addresses are https, or loopback if the issuer is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub(crate) authorization: String,
    pub(crate) token: String,
    /// Optional: without it, the claims of the ID token are enough.
    pub(crate) userinfo: Option<String>,
    /// Whether authorization responses always contain `iss` (RFC 9207 section 3).
    pub(crate) sends_issuer: bool,
}

impl Endpoints {
    /// Reads the endpoints.
    ///
    /// # Errors
    ///
    /// If an endpoint is missing or has an unsafe address.
    pub(super) fn of(metadata: &Metadata) -> Result<Endpoints, DiscoveryError> {
        let announced = metadata.get("authorization_response_iss_parameter_supported");
        Ok(Endpoints {
            authorization: metadata.endpoint("authorization_endpoint")?,
            token: metadata.endpoint("token_endpoint")?,
            userinfo: match metadata.get("userinfo_endpoint") {
                None => None,
                Some(_) => Some(metadata.endpoint("userinfo_endpoint")?),
            },
            sends_issuer: announced == Some(&Value::Bool(true)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ISSUER: &str = "https://id.example";

    fn with(name: &str, value: Value) -> Result<Endpoints, DiscoveryError> {
        let mut document = json!({
            "issuer": ISSUER, "authorization_endpoint": "https://id.example/authorize",
            "token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/jwks",
        });
        document[name] = value;
        Endpoints::of(&Metadata::parse(document.to_string().as_bytes(), ISSUER)?)
    }

    #[test]
    fn metadata_has_its_own_issuer_and_only_safe_addresses() {
        assert!(with("issuer", json!("https://evil.example")).is_err());
        for name in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint"] {
            for unsafe_address in ["http://id.example/x", "http://127.0.0.1/x", "javascript:alert(1)", ""] {
                assert!(with(name, json!(unsafe_address)).is_err(), "{name} {unsafe_address}");
            }
        }
        assert_eq!(with("x", json!(1)).unwrap().userinfo, None);
        assert!(!with("authorization_response_iss_parameter_supported", json!("true")).unwrap().sends_issuer);
        assert!(with("authorization_response_iss_parameter_supported", json!(true)).unwrap().sends_issuer);
    }
}
