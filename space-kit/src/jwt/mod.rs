//! Signed tokens (JWT), the keys that check their signatures, and what their claims say.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

mod claims;
mod error;
pub mod json;
mod key;
mod key_set;
mod subject;
mod token;

#[cfg(test)]
mod attacks;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use claims::{CLOCK_SKEW, Expected, Holder, Verified};
pub use error::TokenError;
pub use key::{Alg, PublicKey, decode};
pub use key_set::{KeySet, KeySetError, MAX_DOCUMENT};
pub use subject::{MAX_SUBJECT, is_subject};
pub use token::Token;
