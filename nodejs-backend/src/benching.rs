//! The functions that the benches time. They are here because they call items that other crates cannot see.
#![allow(clippy::expect_used)] // a bench must stop at a wrong result

use crate::crypto::Purpose;
use crate::crypto::token::{Signer, key_set};
use crate::session::user::User;
use crate::session::{Lifetime, Session};
use space_kit::seal::Sealer;

const NOW: u64 = 1_800_000_000;

/// A signed-in user, and keys.
pub struct Bench {
    sealer: Sealer,
    signer: Signer,
    session: Session,
}

impl Default for Bench {
    fn default() -> Bench {
        let user = User {
            orgs: Default::default(),
            id: "6520e4d9f1b4c2a7d8e90123".to_owned(),
            name: "Ann Example-Lovelace".to_owned(),
            username: Some("ann-lovelace".to_owned()),
            email: Some("ann.lovelace@mail.example".to_owned()),
            email_verified: true,
            image: Some("https://cdn.example/uploads/6520e4d9f1b4c2a7d8e90123.jpeg".to_owned()),
        };
        let lifetime = Lifetime { idle: 7 * 86_400, max: 30 * 86_400 };
        Bench {
            sealer: Sealer::new(Purpose::Session.label(), [[7; 32]]),
            signer: Signer::from_seed(&[7; 32]).expect("a key"),
            session: Session::begin("AAAAAAAAAAAAAAAAAAAAAA".to_owned(), user, NOW, lifetime, 0),
        }
    }
}

impl Bench {
    /// Encodes the session as the text to seal.
    pub fn encode(&self) -> String {
        self.session.encode()
    }

    /// Decodes such a text and returns the id of its user.
    pub fn decode(&self, text: &[u8]) -> Option<String> {
        Session::decode(text).map(|session| session.user.id)
    }

    /// Seals the value of a cookie.
    pub fn seal(&self, plain: &[u8]) -> String {
        self.sealer.seal(plain, [1; 16]).expect("a sealed value")
    }

    /// Opens the value of a cookie.
    pub fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        self.sealer.open(sealed).map(|unsealed| unsealed.plain)
    }

    /// Signs a token for other backends.
    pub fn sign(&self) -> String {
        self.signer.sign(&self.session.claims("https://auth.example", "https://auth.example", NOW))
    }

    /// The key set that verifies the token.
    pub fn key_set(&self) -> String {
        key_set(std::slice::from_ref(&self.signer)).to_string()
    }
}
