//! Tokens for other backends: JWTs signed with Ed25519 (RFC 7519, RFC 8037), and the public keys that verify them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use space_kit::respond::to_json;

/// The lifetime of a token in seconds.
pub(crate) const LIFETIME: u64 = 15 * 60;

/// A signing key.
pub(crate) struct Signer {
    pair: Ed25519KeyPair,
    /// The thumbprint of the public key (RFC 7638).
    kid: String,
    /// The encoded header of the tokens that it signs.
    header: String,
}

impl Signer {
    /// The key of a seed. The same seed always gives the same key. `None` if the seed gives no valid key.
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Option<Signer> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).ok()?;
        let kid = thumbprint(&encode(pair.public_key()));
        let header = encode(format!(r#"{{"alg":"EdDSA","kid":"{kid}","typ":"JWT"}}"#));
        Some(Signer { pair, kid, header })
    }

    #[cfg(test)]
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JWK.
    pub(crate) fn jwk(&self) -> Value {
        let x = encode(self.pair.public_key());
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": self.kid, "alg": "EdDSA", "use": "sig"})
    }

    /// A signed token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let mut token = format!("{}.{}", self.header, encode(to_json(claims)));
        let signature = self.pair.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }
}

/// The JWK set of these keys.
pub(crate) fn key_set(signers: &[Signer]) -> Value {
    json!({"keys": signers.iter().map(Signer::jwk).collect::<Vec<_>>()})
}

/// The thumbprint of RFC 7638 section 3, over the members that RFC 8037 section 2 requires, in their order.
fn thumbprint(x: &str) -> String {
    encode(digest(&SHA256, format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#).as_bytes()))
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ring::signature::{ED25519, UnparsedPublicKey};

    fn decode(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn the_thumbprint_matches_rfc_8037() {
        // RFC 8037 appendix A.3.
        assert_eq!(
            thumbprint("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
    }

    #[test]
    fn the_published_key_has_no_private_part() {
        let jwk = Signer::from_seed(&[7; 32]).unwrap().jwk();
        let names: Vec<&String> = jwk.as_object().unwrap().keys().collect();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn the_published_key_verifies_a_token_and_its_claims_are_unchanged(seed: [u8; 32], name in "\\PC{0,30}") {
            let signer = Signer::from_seed(&seed).unwrap();
            let claims = json!({"sub": name});
            let token = signer.sign(&claims);
            let parts: Vec<&str> = token.split('.').collect();
            prop_assert_eq!(parts.len(), 3);
            let jwk = signer.jwk();
            let key = decode(jwk["x"].as_str().unwrap());
            let signed = format!("{}.{}", parts[0], parts[1]);
            let checked = UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &decode(parts[2]));
            prop_assert!(checked.is_ok());
            prop_assert_eq!(serde_json::from_slice::<Value>(&decode(parts[1])).unwrap(), claims);
            let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
            prop_assert_eq!(header, json!({"alg": "EdDSA", "kid": jwk["kid"], "typ": "JWT"}));
        }
    }
}
