//! A client request in flight.

use std::sync::Arc;

use crate::limits::{Reservation, Slot};
use crate::upstream::{UpstreamGroup, UpstreamRequest};
use crate::usage::UsageRecord;
use crate::wire::dialect::Dialect;

/// A client request in flight, with everything it holds. Dropping it releases all of that.
pub(crate) struct Exchange {
    /// The upstreams for the request.
    pub(crate) group: Arc<UpstreamGroup>,
    pub(crate) request: UpstreamRequest,
    pub(crate) dialect: Dialect,
    pub(crate) usage: UsageRecord,
    pub(crate) slot: Slot,
    /// The memory of the request body, for as long as the body is held.
    pub(crate) reservation: Reservation,
    /// The gateway requested the usage and the client did not.
    pub(crate) hide_usage: bool,
    /// The number of choices that the client requested.
    pub(crate) choices: usize,
}
