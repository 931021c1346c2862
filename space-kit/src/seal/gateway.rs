//! A provider's access token in a token for another backend. A sign-in service seals it for a gateway, with a secret that
//! both have, so that the page in between carries it and cannot use it.
//!
//! The claim opens only in the token that it was sealed for: `jti`, `sub` and `exp` are part of the authenticated data.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hkdf::{HKDF_SHA256, Salt};
use serde_json::{Map, Value};

use super::derive::expand;
use super::guess::{MIN_DISTINCT, is_hard_to_guess};
use super::sealer::{SALT, Sealer};

/// The private claim with the sealed access token.
const CLAIM: &str = "payer";
const LABEL: &[u8] = b"gateway/v1";

/// The secret that a sign-in service and a gateway share. There is no `Debug`, so that it is never shown.
pub struct GatewaySecret {
    text: String,
    /// Derived at the first use.
    sealer: OnceLock<Sealer>,
}

impl GatewaySecret {
    /// A secret of at least 32 bytes with at least 16 different characters.
    pub fn parse(text: &str) -> Option<GatewaySecret> {
        is_hard_to_guess(text, MIN_DISTINCT)
            .then(|| GatewaySecret { text: text.to_owned(), sealer: OnceLock::new() })
    }

    /// Whether it is this secret too.
    pub fn is_same(&self, other: &[u8]) -> bool {
        self.text.as_bytes() == other
    }

    /// Adds an access token to the claims of a token, which get a `jti`. `id` and `salt` must be random.
    pub fn seal(&self, claims: &mut Map<String, Value>, token: &str, id: [u8; 16], salt: [u8; SALT]) {
        claims.insert("jti".to_owned(), URL_SAFE_NO_PAD.encode(id).into());
        let bound = bound(claims);
        if let Some(sealed) = bound.and_then(|bound| self.sealer().seal_for(&bound, token.as_bytes(), salt)) {
            claims.insert(CLAIM.to_owned(), sealed.into());
        }
    }

    /// The access token in the claims of a verified token. `None` if there is none, or if it was sealed for another token
    /// or with another secret.
    pub fn open(&self, claims: &Map<String, Value>) -> Option<String> {
        let sealed = claims.get(CLAIM)?.as_str()?;
        let unsealed = self.sealer().open_for(&bound(claims)?, sealed)?;
        String::from_utf8(unsealed.plain).ok()
    }

    fn sealer(&self) -> &Sealer {
        self.sealer.get_or_init(|| {
            let root = Salt::new(HKDF_SHA256, b"space-kit/gateway-secret").extract(self.text.as_bytes());
            Sealer::new(LABEL, expand(&root, LABEL))
        })
    }
}

/// What a sealed access token belongs to.
fn bound(claims: &Map<String, Value>) -> Option<Vec<u8>> {
    let [id, subject, end] = ["jti", "sub", "exp"].map(|name| claims.get(name));
    serde_json::to_vec(&[id?, subject?, end?]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SECRET: &str = "q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA=";

    fn secret(text: &str) -> GatewaySecret {
        GatewaySecret::parse(text).unwrap()
    }

    fn sealed() -> Map<String, Value> {
        let mut claims =
            json!({"sub": "ann", "exp": 1_800_000_900, "name": "Ann"}).as_object().unwrap().clone();
        secret(SECRET).seal(&mut claims, "hf_oauth_secret", [1; 16], [2; SALT]);
        claims
    }

    #[test]
    fn an_access_token_opens_only_in_its_own_token_and_with_its_own_secret() {
        let claims = sealed();
        assert!(!json!(claims).to_string().contains("secret"));
        assert_eq!(secret(SECRET).open(&claims).as_deref(), Some("hf_oauth_secret"));
        assert_eq!(secret(&SECRET.replace('q', "Q")).open(&claims), None);
        for (name, value) in [
            ("jti", json!("AQEBAQEBAQEBAQEBAQEBAA")),
            ("jti", Value::Null),
            ("sub", json!("bob")),
            ("exp", json!(1_800_000_901)),
            ("exp", json!(1_800_000_900.0)),
            ("payer", json!("")),
            ("payer", json!(["hf_oauth_secret"])),
        ] {
            let mut changed = claims.clone();
            changed.insert(name.to_owned(), value);
            assert_eq!(secret(SECRET).open(&changed), None, "{name}");
            changed.remove(name);
            assert_eq!(secret(SECRET).open(&changed), None, "without {name}");
        }
        let mut renamed = claims;
        renamed.insert("name".to_owned(), json!("Bob"));
        assert!(secret(SECRET).open(&renamed).is_some(), "other claims are the signature's matter");
    }

    #[test]
    fn a_short_or_uniform_secret_is_rejected() {
        for weak in ["", "0123456789abcdef0123456789abcde", &"a".repeat(64)] {
            assert!(GatewaySecret::parse(weak).is_none(), "{weak}");
        }
    }
}
