//! An issuer's public keys: a JWK set (RFC 7517 section 5).

use std::fmt;

use serde_json::{Map, Value};

use super::json;
use super::key::{Alg, PublicKey};

/// The longest document that is read from an issuer, in bytes.
pub const MAX_DOCUMENT: usize = 256 * 1024;

/// The most keys in a set, which bounds the signatures checked for a token without a `kid`.
const MAX_KEYS: usize = 64;

/// Why a document is not a key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySetError {
    /// It is longer than [`MAX_DOCUMENT`].
    TooLong,
    /// It is not a JSON object with an array of keys.
    Malformed,
    /// It has more than 64 keys.
    TooManyKeys,
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySetError::TooLong => write!(f, "the key set is longer than {MAX_DOCUMENT} bytes"),
            KeySetError::Malformed => f.write_str("the key set is not a JSON object with an array of keys"),
            KeySetError::TooManyKeys => write!(f, "the key set has more than {MAX_KEYS} keys"),
        }
    }
}

impl std::error::Error for KeySetError {}

/// The keys of a set that can verify a token's signature.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KeySet(Vec<Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    kid: Option<String>,
    key: PublicKey,
}

impl KeySet {
    /// Parses a set. Keys of other types and for other uses are ignored, as the standard requires. A set without usable
    /// keys is valid too: then every token is rejected.
    ///
    /// # Errors
    ///
    /// If the document is too long, is not a key set, or has too many keys.
    pub fn parse(document: &[u8]) -> Result<KeySet, KeySetError> {
        if document.len() > MAX_DOCUMENT {
            return Err(KeySetError::TooLong);
        }
        let set = json::object(document);
        let Some(Value::Array(keys)) = set.as_ref().and_then(|set| set.get("keys")) else {
            return Err(KeySetError::Malformed);
        };
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys);
        }
        Ok(KeySet(keys.iter().filter_map(Value::as_object).filter_map(Entry::from_jwk).collect()))
    }

    /// The keys for a token of this algorithm: those with its `kid`, or all of them if it has none.
    pub fn candidates<'a>(&'a self, alg: Alg, kid: Option<&'a str>) -> impl Iterator<Item = &'a PublicKey> {
        let named = move |entry: &&Entry| kid.is_none_or(|kid| entry.kid.as_deref() == Some(kid));
        self.0.iter().filter(named).map(|entry| &entry.key).filter(move |key| key.alg() == alg)
    }
}

impl Entry {
    fn from_jwk(jwk: &Map<String, Value>) -> Option<Entry> {
        let key = PublicKey::from_jwk(jwk)?;
        let kid = match jwk.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str()?.to_owned()),
        };
        let for_signatures = jwk.get("use").is_none_or(|purpose| purpose == "sig");
        let for_checking = jwk.get("key_ops").is_none_or(|operations| {
            operations.as_array().is_some_and(|list| list.iter().any(|one| one == "verify"))
        });
        let same_alg = jwk.get("alg").is_none_or(|alg| alg.as_str().and_then(Alg::parse) == Some(key.alg()));
        (for_signatures && for_checking && same_alg).then_some(Entry { kid, key })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Signer;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn count(keys: Value) -> usize {
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap().0.len()
    }

    fn ed25519(changes: Value) -> Value {
        let mut jwk = Signer::ed25519().jwk("a");
        jwk.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        jwk
    }

    #[test]
    fn keys_of_other_types_and_for_other_uses_are_ignored() {
        let kinds = [Signer::ed25519(), Signer::p256(), Signer::rsa()];
        let mut keys: Vec<Value> = kinds.iter().map(|signer| signer.jwk("a")).collect();
        assert_eq!(count(json!(keys)), 3);
        keys.extend([
            json!({"kty": "oct", "k": "AAAA"}),
            json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
            json!({"kty": "LATTICE"}),
            json!("not a key"),
            json!(null),
        ]);
        assert_eq!(count(json!(keys)), 3);
    }

    #[test]
    fn a_key_is_used_only_for_its_purpose() {
        for (changes, kept) in [
            (json!({"use": "sig"}), 1),
            (json!({"use": "enc"}), 0),
            (json!({"use": 1}), 0),
            (json!({"key_ops": ["verify"]}), 1),
            (json!({"key_ops": ["encrypt", "verify"]}), 1),
            (json!({"key_ops": ["sign"]}), 0),
            (json!({"key_ops": []}), 0),
            (json!({"key_ops": "verify"}), 0),
            (json!({"alg": "EdDSA"}), 1),
            (json!({"alg": "RS256"}), 0),
            (json!({"alg": "HS256"}), 0),
            (json!({"alg": null}), 0),
            (json!({"kid": 7}), 0),
            (json!({"x": "AAAA"}), 0),
        ] {
            assert_eq!(count(json!([ed25519(changes.clone())])), kept, "{changes}");
        }
        let mut rsa = Signer::rsa().jwk("a");
        rsa["alg"] = json!("PS256");
        assert_eq!(count(json!([rsa])), 0);
    }

    #[test]
    fn a_set_has_at_most_64_keys() {
        let keys = |count: usize| json!({"keys": vec![ed25519(json!({})); count]}).to_string();
        assert_eq!(KeySet::parse(keys(64).as_bytes()).unwrap().0.len(), 64);
        assert_eq!(KeySet::parse(keys(65).as_bytes()), Err(KeySetError::TooManyKeys));
    }

    #[test]
    fn a_document_that_is_not_a_set_is_rejected() {
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, "<html>"] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert_eq!(KeySet::parse(&vec![b' '; MAX_DOCUMENT + 1]), Err(KeySetError::TooLong));
        assert_eq!(KeySet::parse(br#"{"keys":[]}"#), Ok(KeySet::default()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn no_document_panics(text in "([ -~é漢]|[{}\\[\\]\":,]|keys|kty|OKP|RSA){0,40}") {
            _ = KeySet::parse(text.as_bytes());
            _ = KeySet::parse(format!("{{\"keys\":[{text}]}}").as_bytes());
        }
    }
}
