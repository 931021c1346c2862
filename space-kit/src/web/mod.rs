//! Rules of the web that the kit and its services share, one implementation of each.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

mod constant_time;
#[cfg(any(feature = "outgoing", feature = "testing-service"))] // with them base64 is linked
mod csp;
mod date;
mod origin;

pub use constant_time::constant_time_eq;
#[cfg(any(feature = "outgoing", feature = "testing-service"))]
pub use csp::csp_hash_source;
pub(crate) use date::http_date;
pub use date::{parse_http_date, unix_seconds};
pub use origin::{Origin, host_of, is_loopback_host};
