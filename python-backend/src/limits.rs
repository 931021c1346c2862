//! What the service takes on at once, and how often from one caller.

mod config;
mod memory;
pub(crate) mod rate_headers;
mod slots;

pub(crate) use config::{ALL, Limits, read};
pub(crate) use memory::Reservation;
pub(crate) use slots::Slot;
