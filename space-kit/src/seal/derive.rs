//! Key derivation with HKDF-SHA256 (RFC 5869).

use ring::hkdf::{KeyType, Prk};

/// `N` bytes for an `info`. `None` beyond 255 blocks of 32 bytes (RFC 5869 section 2.3).
pub fn expand<const N: usize>(root: &Prk, info: &[u8]) -> Option<[u8; N]> {
    let mut out = [0; N];
    root.expand(&[info], Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

/// A number of output bytes.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}
