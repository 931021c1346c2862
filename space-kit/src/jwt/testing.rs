//! Signers for tests: they make tokens as an issuer does, and as an attacker does.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test fails by panicking

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair as RsaKeyPair, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
};
use serde_json::{Value, json};

use super::claims::Verified;
use super::key_set::KeySet;

/// A key pair of one of the three algorithms.
pub enum Signer {
    /// `EdDSA`.
    Ed25519(Ed25519KeyPair),
    /// `ES256`.
    P256(EcdsaKeyPair),
    /// `RS256`.
    Rsa(RsaKeyPair),
}

impl Signer {
    /// A new pair.
    pub fn ed25519() -> Signer {
        let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Signer::Ed25519(Ed25519KeyPair::from_pkcs8(pair.as_ref()).unwrap())
    }

    /// A new pair.
    pub fn p256() -> Signer {
        let (alg, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let pair = EcdsaKeyPair::generate_pkcs8(alg, &random).unwrap();
        Signer::P256(EcdsaKeyPair::from_pkcs8(alg, pair.as_ref(), &random).unwrap())
    }

    /// Always the same pair, because ring cannot generate one.
    pub fn rsa() -> Signer {
        let pem = include_str!("../../tests/keys/rsa-for-tests.pem");
        let lines = pem.lines().skip_while(|line| !line.starts_with("-----BEGIN"));
        let base64: String = lines.filter(|line| !line.starts_with('-')).collect();
        Signer::Rsa(RsaKeyPair::from_pkcs8(&STANDARD.decode(base64).unwrap()).unwrap())
    }

    /// The name of the pair's algorithm.
    pub fn alg(&self) -> &'static str {
        match self {
            Signer::Ed25519(_) => "EdDSA",
            Signer::P256(_) => "ES256",
            Signer::Rsa(_) => "RS256",
        }
    }

    /// The public key.
    pub fn jwk(&self, kid: &str) -> Value {
        match self {
            Signer::Ed25519(pair) => {
                json!({"kid": kid, "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key())})
            }
            Signer::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kid": kid, "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            Signer::Rsa(pair) => {
                let public: PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({"kid": kid, "kty": "RSA", "n": encode(public.n), "e": encode(public.e)})
            }
        }
    }

    /// A token with these texts as header and claims, valid or not.
    pub fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Signer::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
            Signer::P256(pair) => pair.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            Signer::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{signed}.{}", encode(signature))
    }

    /// A token with the usual header.
    pub fn token(&self, kid: &str, claims: &Value) -> String {
        self.sign(&json!({"alg": self.alg(), "kid": kid, "typ": "JWT"}).to_string(), &claims.to_string())
    }
}

/// Claims as if a token with them were verified.
pub fn verified(claims: &serde_json::Map<String, Value>) -> Verified<'_> {
    Verified::new(claims)
}

/// A key set of these keys.
pub fn key_set(keys: &[Value]) -> KeySet {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
}

/// Base64url without padding.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
