//! How long an upstream may take.

use std::time::{Duration, Instant};

use super::request::{Expect, UpstreamRequest};

/// How long an upstream may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// To the first event of a stream.
    pub(crate) first_event: Duration,
    /// From one event to the next.
    pub(crate) between_events: Duration,
    /// For the whole response, all attempts together.
    pub(crate) total: Duration,
    /// For an upstream that is asleep to wake up.
    pub(crate) wake: Duration,
    /// The silence after which a comment keeps a stream alive.
    pub(crate) heartbeat: Duration,
}

impl Timeouts {
    /// When an attempt that starts at `now` times out. A whole response shows nothing until it is complete,
    /// so it may take all the time that is left, or half of it if another endpoint can still be tried.
    pub(super) fn of_attempt(&self, request: &UpstreamRequest, now: Instant, has_more: bool) -> Instant {
        let left = request.deadline.saturating_duration_since(now);
        match request.expect {
            Expect::Events => (now + self.first_event).min(request.deadline),
            Expect::Whole | Expect::Head if has_more => now + self.first_event.max(left / 2).min(left),
            Expect::Whole | Expect::Head => request.deadline,
        }
    }
}
