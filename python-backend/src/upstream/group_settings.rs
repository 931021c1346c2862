//! The settings that all upstreams share.

use hyper::header::HeaderValue;
use space_kit::Log;
use space_kit::outgoing::Pool;

use super::timeouts::Timeouts;
use crate::clock::Clock;

/// What the groups have in common.
#[derive(Clone)]
pub(crate) struct GroupSettings {
    pub(crate) pool: Pool,
    /// The account that Hugging Face bills.
    pub(crate) bill_to: Option<HeaderValue>,
    pub(crate) timeouts: Timeouts,
    /// How often a request may be tried, at all endpoints together.
    pub(crate) tries: usize,
    pub(crate) clock: Clock,
    pub(crate) log: Log,
    /// A random number from 0 to 1, for jitter.
    pub(crate) random: fn() -> f64,
}
