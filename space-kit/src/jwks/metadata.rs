//! The metadata of an issuer: which endpoints it has (OpenID Connect Discovery 1.0, section 3).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use std::fmt;

use serde_json::{Map, Value};

use crate::jwt::{MAX_DOCUMENT, json};
use crate::outgoing::Url;

/// The metadata of an issuer, checked to name that issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata(Map<String, Value>);

/// Why an issuer's metadata cannot be used. The texts are for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiscoveryError {
    /// The document is not a JSON object of at most [`MAX_DOCUMENT`] bytes.
    NotJson,
    /// The document names this issuer instead of the configured one.
    OtherIssuer(String),
    /// The document has no `issuer`.
    NoIssuer,
    /// The document has no endpoint of this name.
    NoEndpoint(&'static str),
    /// The endpoint is not https.
    Insecure {
        /// The name of the endpoint.
        name: &'static str,
        /// Its address.
        address: String,
    },
}

impl fmt::Display for DiscoveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DiscoveryError::NotJson => f.write_str("the issuer's metadata is not a JSON object"),
            DiscoveryError::OtherIssuer(named) => write!(f, "the metadata is of another issuer: {named:?}"),
            DiscoveryError::NoIssuer => f.write_str("the issuer's metadata has no issuer"),
            DiscoveryError::NoEndpoint(name) => write!(f, "the issuer's metadata has no {name}"),
            DiscoveryError::Insecure { name, address } => {
                write!(f, "the issuer's {name} is not https: {address:?}")
            }
        }
    }
}

impl std::error::Error for DiscoveryError {}

impl From<DiscoveryError> for String {
    fn from(error: DiscoveryError) -> String {
        error.to_string()
    }
}

impl Metadata {
    /// Reads the metadata of `issuer`. The document must name exactly that issuer, because a document that was put in
    /// its place would otherwise decide whose tokens count.
    ///
    /// # Errors
    ///
    /// If the document is not a JSON object, is too long, or names another issuer or none.
    pub fn parse(document: &[u8], issuer: &str) -> Result<Metadata, DiscoveryError> {
        let document = Some(document).filter(|document| document.len() <= MAX_DOCUMENT);
        let metadata = document.and_then(json::object).ok_or(DiscoveryError::NotJson)?;
        match metadata.get("issuer").and_then(Value::as_str) {
            Some(named) if named == issuer => Ok(Metadata(metadata)),
            Some(named) => Err(DiscoveryError::OtherIssuer(named.to_owned())),
            None => Err(DiscoveryError::NoIssuer),
        }
    }

    /// The address of an endpoint such as `jwks_uri`.
    ///
    /// # Errors
    ///
    /// If there is none, or if it is neither https nor, for an issuer on this machine, on this machine. A remote
    /// issuer cannot name an address on this machine.
    pub fn endpoint(&self, name: &'static str) -> Result<String, DiscoveryError> {
        let text = |name| self.0.get(name).and_then(Value::as_str);
        let address = text(name).ok_or(DiscoveryError::NoEndpoint(name))?;
        let issuer_is_local = text("issuer").and_then(Url::parse).is_some_and(|url| url.origin.is_loopback());
        let accepted = Url::parse(address)
            .is_some_and(|url| url.is_secure() && (issuer_is_local || !url.origin.is_loopback()));
        if accepted {
            Ok(address.to_owned())
        } else {
            Err(DiscoveryError::Insecure { name, address: address.to_owned() })
        }
    }

    /// The value of a member, if the document has it.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

/// The address of an issuer's metadata.
pub fn metadata_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const ISSUER: &str = "https://id.example";

    fn find(issuer: &str, named: &str, uri: &str) -> Result<String, DiscoveryError> {
        read(json!({"issuer": named, "jwks_uri": uri}).to_string().as_bytes(), issuer)
    }

    fn read(document: &[u8], issuer: &str) -> Result<String, DiscoveryError> {
        Metadata::parse(document, issuer)?.endpoint("jwks_uri")
    }

    #[test]
    fn the_metadata_are_under_the_issuers_path() {
        for issuer in ["https://id.example/a", "https://id.example/a/"] {
            assert_eq!(metadata_url(issuer), "https://id.example/a/.well-known/openid-configuration");
        }
    }

    #[test]
    fn the_metadata_name_the_configured_issuer() {
        let uri = "https://keys.example/jwks?v=1";
        assert_eq!(find(ISSUER, ISSUER, uri), Ok(uri.to_owned()));
        for other in ["https://id.example/", "https://evil.example", "HTTPS://id.example", ""] {
            assert_eq!(find(ISSUER, other, uri), Err(DiscoveryError::OtherIssuer(other.to_owned())));
        }
        for document in ["", "[]", "{}", r#"{"issuer":"https://id.example"}"#, "<html>"] {
            assert!(read(document.as_bytes(), ISSUER).is_err(), "{document}");
        }
        let twice =
            r#"{"issuer":"https://evil.example","issuer":"https://id.example","jwks_uri":"https://a"}"#;
        assert!(read(twice.as_bytes(), ISSUER).is_err());
    }

    #[test]
    fn an_issuer_elsewhere_cannot_name_this_machine() {
        for uri in
            ["http://127.0.0.1/jwks", "https://localhost/jwks", "https://[::1]/jwks", "http://id.example/"]
        {
            assert!(find(ISSUER, ISSUER, uri).is_err(), "{uri}");
        }
        let local = "http://127.0.0.1:9000";
        assert!(find(local, local, "http://127.0.0.1:9000/jwks").is_ok());
        assert!(find(local, local, "http://10.0.0.1:9000/jwks").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn no_document_and_no_address_panic(text in "([ -~é漢]|[{}\":,@/#]|https?://|jwks_uri|issuer){0,20}") {
            _ = read(text.as_bytes(), ISSUER);
        }
    }
}
