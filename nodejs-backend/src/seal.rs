//! Sealed values: text that only this service reads and makes, for one purpose.
//!
//! base64url of: version, 4 bytes naming the key, 16 bytes of salt, and AES-256-GCM's output with its tag. Key
//! and nonce come from HKDF over the salt, so that no pair is used twice, however many values are sealed. The
//! purpose and all that stands before the ciphertext are authenticated with it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk};

use crate::keys::{Purpose, expand};

const VERSION: u8 = 1;
const ID: usize = 4;
/// Bytes of salt; they must be random.
pub(crate) const SALT: usize = 16;
const HEAD: usize = 1 + ID + SALT;
const KEY: usize = 32;
/// No value that we seal is longer: a cookie holds 4096 bytes.
const MAX_TEXT: usize = 4096;

/// Seals and opens values of one purpose.
pub(crate) struct Sealer {
    purpose: Purpose,
    /// The first one is current.
    keys: Vec<Key>,
}

struct Key {
    id: [u8; ID],
    root: Prk,
}

/// An opened value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) plain: Vec<u8>,
    /// It was sealed with the current key.
    pub(crate) current: bool,
}

impl Sealer {
    /// A sealer whose first key is the current one.
    pub(crate) fn new(purpose: Purpose, keys: impl IntoIterator<Item = [u8; KEY]>) -> Sealer {
        let keys = keys.into_iter().filter_map(|key| {
            let root = Prk::new_less_safe(HKDF_SHA256, &key);
            Some(Key { id: expand(&root, b"id")?, root })
        });
        Sealer { purpose, keys: keys.collect() }
    }

    /// Seals a value. `salt` must never have been used before. `None` only without a key, or for a value beyond what
    /// AES-GCM takes.
    pub(crate) fn seal(&self, plain: &[u8], salt: [u8; SALT]) -> Option<String> {
        let key = self.keys.first()?;
        let mut sealed = Vec::with_capacity(HEAD + plain.len() + 16);
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&salt);
        let aad = self.aad(&sealed);
        let (cipher, nonce) = key.cipher(&salt)?;
        let mut text = plain.to_vec();
        cipher.seal_in_place_append_tag(nonce, Aad::from(aad), &mut text).ok()?;
        sealed.extend_from_slice(&text);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a value that this purpose's keys sealed, current or not.
    pub(crate) fn open(&self, text: &str) -> Option<Opened> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (head, body) = sealed.split_at_checked(HEAD)?;
        let (version, rest) = head.split_first()?;
        let (id, salt) = rest.split_at_checked(ID)?;
        if *version != VERSION {
            return None;
        }
        let salt: [u8; SALT] = salt.try_into().ok()?;
        let named = self.keys.iter().enumerate().filter(|(_, key)| key.id == id);
        for (at, key) in named {
            let (cipher, nonce) = key.cipher(&salt)?;
            let mut body = body.to_vec();
            if let Ok(plain) = cipher.open_in_place(nonce, Aad::from(self.aad(head)), &mut body) {
                return Some(Opened { plain: plain.to_vec(), current: at == 0 });
            }
        }
        None
    }

    fn aad(&self, head: &[u8]) -> Vec<u8> {
        [self.purpose.label(), &[0], head].concat()
    }
}

impl Key {
    fn cipher(&self, salt: &[u8; SALT]) -> Option<(LessSafeKey, Nonce)> {
        let material: [u8; KEY + NONCE_LEN] = expand(&self.root, &[b"value", &salt[..]].concat())?;
        let (key, nonce) = material.split_at_checked(KEY)?;
        let key = UnboundKey::new(&AES_256_GCM, key).ok()?;
        Some((LessSafeKey::new(key), Nonce::try_assume_unique_for_key(nonce).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::keys;
    use proptest::prelude::*;

    #[test]
    fn a_changed_or_cut_value_does_not_open() {
        let keys = keys("A");
        let sealer = &keys.session;
        let sealed = sealer.seal(b"who", [9; SALT]).unwrap();
        let raw = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for at in 0..raw.len() {
            for bit in 0..8 {
                let mut changed = raw.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(sealer.open(&URL_SAFE_NO_PAD.encode(changed)), None, "byte {at}, bit {bit}");
            }
            assert_eq!(sealer.open(&URL_SAFE_NO_PAD.encode(&raw[..at])), None, "cut at {at}");
        }
        assert_eq!(sealer.open(&format!("{sealed}=")), None);
        assert_eq!(sealer.open(&format!(" {sealed}")), None);
        assert_eq!(sealer.open(&format!("{sealed}A")), None);
    }

    #[test]
    fn another_salt_gives_another_text() {
        let keys = keys("A");
        let sealer = &keys.session;
        assert_ne!(sealer.seal(b"who", [1; SALT]), sealer.seal(b"who", [2; SALT]));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn what_was_sealed_opens_as_it_was(plain in prop::collection::vec(any::<u8>(), 0..400), salt: [u8; SALT]) {
            let keys = keys("BA");
            let sealer = &keys.flow;
            let sealed = sealer.seal(&plain, salt).unwrap();
            prop_assert_eq!(sealer.open(&sealed), Some(Opened { plain, current: true }));
        }

        #[test]
        fn no_text_of_others_opens_or_panics(text in "[A-Za-z0-9_=+/ .-]{0,120}|\\PC{0,60}") {
            prop_assert_eq!(keys("A").session.open(&text), None);
        }
    }
}
