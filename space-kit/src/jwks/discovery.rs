//! Where an issuer's keys are: OpenID Connect Discovery 1.0, section 4.

use serde_json::{Map, Value};

use crate::jwt::json;
use crate::outgoing::Url;

use super::MAX_DOCUMENT;

/// The address of an issuer's metadata.
pub fn metadata_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.strip_suffix('/').unwrap_or(issuer))
}

/// The metadata of an issuer. They must name the very issuer that is configured: else a document that was put
/// in their place would say whose tokens count. The error is for the log.
pub fn metadata(document: &[u8], issuer: &str) -> Result<Map<String, Value>, String> {
    let document = Some(document).filter(|document| document.len() <= MAX_DOCUMENT);
    let metadata = document.and_then(json::object).ok_or("the issuer's metadata is no JSON object")?;
    match metadata.get("issuer").and_then(Value::as_str) {
        Some(named) if named == issuer => Ok(metadata),
        Some(named) => Err(format!("the metadata is of another issuer: {named:?}")),
        None => Err("the issuer's metadata has no issuer".to_owned()),
    }
}

/// The address that the metadata have under `name`, such as `jwks_uri`. The error is for the log.
pub fn endpoint(metadata: &Map<String, Value>, name: &str) -> Result<String, String> {
    let text = |name| metadata.get(name).and_then(Value::as_str);
    let uri = text(name).ok_or_else(|| format!("the issuer's metadata has no {name}"))?;
    // An issuer elsewhere has no business on this machine.
    let is_local = text("issuer").is_some_and(is_loopback);
    let accepted = is_secure(uri) && (is_local || !is_loopback(uri));
    if accepted { Ok(uri.to_owned()) } else { Err(format!("the issuer's {name} is not https: {uri:?}")) }
}

fn is_secure(url: &str) -> bool {
    Url::parse(url).is_some_and(|url| url.is_secure())
}

fn is_loopback(url: &str) -> bool {
    Url::parse(url).is_some_and(|url| url.origin.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const ISSUER: &str = "https://id.example";

    fn find(issuer: &str, named: &str, uri: &str) -> Result<String, String> {
        read(json!({"issuer": named, "jwks_uri": uri}).to_string().as_bytes(), issuer)
    }

    fn read(document: &[u8], issuer: &str) -> Result<String, String> {
        endpoint(&metadata(document, issuer)?, "jwks_uri")
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
            assert!(find(ISSUER, other, uri).unwrap_err().contains("another issuer"), "{other}");
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
