//! A sealed value: encrypted and authenticated text that only the owner of a key can create and read, for one purpose.
//!
//! A sealed value is the base64url encoding of: a version byte, a 4-byte key id, 16 bytes of salt, and the output of
//! AES-256-GCM with its tag. HKDF derives key and nonce from the salt, so that no pair of them repeats, however many
//! values are sealed. The authenticated data is the purpose, everything before the ciphertext, and what the value belongs
//! to, which whoever opens it must know.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Prk};

use super::derive::expand;

const VERSION: u8 = 1;
const ID: usize = 4;
/// Length of the salt in bytes. A salt must be random.
pub const SALT: usize = 16;
const HEAD: usize = 1 + ID + SALT;
const KEY: usize = 32;
/// The longest sealed value that is opened, in bytes: no cookie holds more.
const MAX_TEXT: usize = 4096;

/// The length of a sealed value, in bytes, by that of its plain text.
pub fn sealed_len(plain: usize) -> usize {
    plain.saturating_add(HEAD + 16).saturating_mul(4).div_ceil(3)
}

/// Seals and opens values of one purpose.
pub struct Sealer {
    purpose: &'static [u8],
    /// The first key is the current one.
    keys: Vec<Key>,
}

struct Key {
    id: [u8; ID],
    root: Prk,
}

/// The content of a sealed value.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsealed {
    /// The text that was sealed.
    pub plain: Vec<u8>,
    /// Whether the current key sealed it.
    pub current: bool,
}

impl Sealer {
    /// A sealer whose first key is the current one. A value that is sealed for one purpose never opens for another.
    pub fn new(purpose: &'static [u8], keys: impl IntoIterator<Item = [u8; KEY]>) -> Sealer {
        let keys = keys.into_iter().filter_map(|key| {
            let root = Prk::new_less_safe(HKDF_SHA256, &key);
            Some(Key { id: expand(&root, b"id")?, root })
        });
        Sealer { purpose, keys: keys.collect() }
    }

    /// Seals a value. `salt` must be random, because a salt must not repeat. `None` if there is no key, or if the value
    /// is longer than AES-GCM allows.
    pub fn seal(&self, plain: &[u8], salt: [u8; SALT]) -> Option<String> {
        self.seal_for(b"", plain, salt)
    }

    /// The same for a value that opens only together with what it belongs to.
    pub fn seal_for(&self, bound: &[u8], plain: &[u8], salt: [u8; SALT]) -> Option<String> {
        let key = self.keys.first()?;
        let mut sealed = Vec::with_capacity(plain.len().saturating_add(HEAD + 16));
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&salt);
        let aad = self.aad(&sealed, bound);
        let (cipher, nonce) = key.cipher(&salt)?;
        let mut text = plain.to_vec();
        cipher.seal_in_place_append_tag(nonce, Aad::from(aad), &mut text).ok()?;
        sealed.extend_from_slice(&text);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a value that any key of this purpose sealed, current or not.
    pub fn open(&self, text: &str) -> Option<Unsealed> {
        self.open_for(b"", text)
    }

    /// The same for a value that belongs to something.
    pub fn open_for(&self, bound: &[u8], text: &str) -> Option<Unsealed> {
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
            if let Ok(plain) = cipher.open_in_place(nonce, Aad::from(self.aad(head, bound)), &mut body) {
                return Some(Unsealed { plain: plain.to_vec(), current: at == 0 });
            }
        }
        None
    }

    /// The head has a fixed length, so no two combinations give the same data.
    fn aad(&self, head: &[u8], bound: &[u8]) -> Vec<u8> {
        [self.purpose, &[0], head, bound].concat()
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
    use proptest::prelude::*;

    fn sealer() -> Sealer {
        Sealer::new(b"session/v1", [[7; KEY], [8; KEY]])
    }

    #[test]
    fn a_modified_or_truncated_value_does_not_open() {
        let sealer = sealer();
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
    fn two_salts_give_two_texts() {
        let sealer = sealer();
        assert_ne!(sealer.seal(b"who", [1; SALT]), sealer.seal(b"who", [2; SALT]));
    }

    #[test]
    fn a_bound_value_opens_only_with_what_it_belongs_to() {
        let sealer = sealer();
        let sealed = sealer.seal_for(b"ann", b"who", [3; SALT]).unwrap();
        assert_eq!(sealer.open_for(b"ann", &sealed).map(|unsealed| unsealed.plain), Some(b"who".to_vec()));
        for other in [&b""[..], b"an", b"ann ", b"bob"] {
            assert_eq!(sealer.open_for(other, &sealed), None);
        }
        assert_eq!(sealer.open_for(b"ann", &sealer.seal(b"who", [3; SALT]).unwrap()), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_sealed_value_opens_unchanged(plain in prop::collection::vec(any::<u8>(), 0..400), salt: [u8; SALT]) {
            let sealer = sealer();
            let sealed = sealer.seal(&plain, salt).unwrap();
            prop_assert_eq!(sealed.len(), sealed_len(plain.len()));
            prop_assert_eq!(sealer.open(&sealed), Some(Unsealed { plain, current: true }));
        }

        #[test]
        fn arbitrary_text_neither_opens_nor_panics(text in "[A-Za-z0-9_=+/ .-]{0,120}|\\PC{0,60}") {
            prop_assert_eq!(sealer().open(&text), None);
        }
    }
}
