//! Cryptography: from the configured secrets to sealed values and signed tokens.

mod derive;
pub(crate) mod keys;
pub(crate) mod seal;
pub(crate) mod secret;
pub(crate) mod token;

#[cfg(any(feature = "benching", feature = "fuzzing"))]
pub(crate) use derive::Purpose;
