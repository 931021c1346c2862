//! Sealed values: encrypted and authenticated texts, and the secrets that their keys are derived from.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

mod derive;
mod gateway;
mod guess;
mod sealer;

pub use derive::expand;
pub use gateway::GatewaySecret;
pub use guess::{MIN_DISTINCT, is_hard_to_guess};
pub use sealer::{SALT, Sealer, Unsealed, sealed_len};
