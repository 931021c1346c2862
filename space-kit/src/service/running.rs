//! What all requests of a running service share.

use std::time::{Instant, SystemTime};

use crate::observe::log::Log;
use crate::observe::metrics::Metrics;
use crate::observe::readiness::Readiness;
use crate::service::client::RequestIds;
use crate::settings::config::Config;

/// A running service: its own state and the kit's.
pub struct Running<S> {
    /// The service's own state.
    pub state: S,
    /// What the kit offers to every handler.
    pub kit: Kit,
}

/// What the kit offers to every handler.
pub struct Kit {
    /// The service's name in logs, metrics and responses.
    pub name: &'static str,
    /// The service's version in the same places.
    pub version: &'static str,
    /// The kit's settings.
    pub config: Config,
    /// The log.
    pub log: Log,
    /// The counters.
    pub metrics: Metrics,
    /// Whether the service accepts requests.
    pub readiness: Readiness,
    /// When the process started.
    pub clock: Clock,
    /// Makes the ids of requests.
    pub(crate) ids: RequestIds,
}

/// When the process started, by both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// By the monotonic clock, for the uptime.
    pub started: Instant,
    /// By the wall clock, for metrics.
    pub started_at: SystemTime,
}

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start() -> Clock {
        Clock { started: Instant::now(), started_at: SystemTime::now() }
    }
}
