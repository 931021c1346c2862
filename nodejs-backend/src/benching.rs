//! What the benches time. It is here, because it calls what no other crate can see.
#![allow(clippy::expect_used)] // a bench of a wrong result is none

use crate::keys::Purpose;
use crate::seal::Sealer;
use crate::session::{Life, Session};
use crate::token::{Signer, key_set};
use crate::user::User;

const NOW: u64 = 1_800_000_000;

/// A visitor who is signed in, and the keys.
pub struct Bench {
    sealer: Sealer,
    signer: Signer,
    session: Session,
}

impl Default for Bench {
    fn default() -> Bench {
        let user = User {
            id: "6520e4d9f1b4c2a7d8e90123".to_owned(),
            name: "Ann Example-Lovelace".to_owned(),
            username: Some("ann-lovelace".to_owned()),
            email: Some("ann.lovelace@mail.example".to_owned()),
            email_verified: true,
            image: Some("https://cdn.example/uploads/6520e4d9f1b4c2a7d8e90123.jpeg".to_owned()),
        };
        let life = Life { idle: 7 * 86_400, most: 30 * 86_400 };
        Bench {
            sealer: Sealer::new(Purpose::Session, [[7; 32]]),
            signer: Signer::from_seed(&[7; 32]).expect("a key"),
            session: Session::begin("AAAAAAAAAAAAAAAAAAAAAA".to_owned(), user, NOW, life, 0),
        }
    }
}

impl Bench {
    /// The session as the text that is sealed.
    pub fn encode(&self) -> String {
        self.session.encode()
    }

    /// The id of the user of such a text.
    pub fn decode(&self, text: &[u8]) -> Option<String> {
        Session::decode(text).map(|session| session.user.id)
    }

    /// A cookie's value.
    pub fn seal(&self, plain: &[u8]) -> String {
        self.sealer.seal(plain, [1; 16]).expect("a sealed value")
    }

    /// What a cookie's value holds.
    pub fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        self.sealer.open(sealed).map(|opened| opened.plain)
    }

    /// A token for other backends.
    pub fn sign(&self) -> String {
        self.signer.sign(&self.session.claims("https://auth.example", "https://auth.example", NOW))
    }

    /// The keys to check it.
    pub fn key_set(&self) -> String {
        key_set(std::slice::from_ref(&self.signer)).to_string()
    }
}
