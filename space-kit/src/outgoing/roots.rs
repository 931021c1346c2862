//! Mozilla's certificate authorities as one block of bytes. A table of slices would have a pointer for each name and key:
//! 9 KB that every start-up relocates, even without TLS.

use rustls::pki_types::{Der, TrustAnchor};

/// The block that `build.rs` wrote.
static ROOTS: [u8; include_bytes!(concat!(env!("OUT_DIR"), "/roots.bin")).len()] =
    *include_bytes!(concat!(env!("OUT_DIR"), "/roots.bin"));

/// The authorities that browsers trust.
pub(super) fn roots() -> impl Iterator<Item = TrustAnchor<'static>> {
    let mut rest: &[u8] = &ROOTS;
    std::iter::from_fn(move || {
        let (subject, key, constraints) = (field(&mut rest)?, field(&mut rest)?, field(&mut rest)?);
        Some(TrustAnchor {
            subject: Der::from_slice(subject),
            subject_public_key_info: Der::from_slice(key),
            name_constraints: (!constraints.is_empty()).then(|| Der::from_slice(constraints)),
        })
    })
}

fn field(rest: &mut &'static [u8]) -> Option<&'static [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let (field, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
    *rest = behind;
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_authority_is_read_as_written() {
        let read: Vec<TrustAnchor<'_>> = roots().collect();
        assert!(read.len() > 50);
        assert_eq!(read, webpki_roots::TLS_SERVER_ROOTS);
    }
}
