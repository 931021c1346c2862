//! Cryptography: from the configured secrets to sealed values and signed tokens.

pub(crate) mod keys;
mod purpose;
pub(crate) mod secret;
pub(crate) mod token;

#[cfg(any(feature = "benching", feature = "fuzzing"))]
pub(crate) use purpose::Purpose;
