//! Comparison of secrets.

use subtle::ConstantTimeEq;

/// Whether two secrets are equal. The time it takes depends only on their lengths, so it tells an attacker nothing
/// about where they differ.
pub fn constant_time_eq(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
