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
    /// For a whole response or the begin of a stream, all attempts together.
    pub(crate) total: Duration,
    /// For a whole response while another endpoint can still be tried.
    pub(crate) failover: Duration,
    /// For a stream from its first event to its end; `None`: no limit.
    pub(crate) stream: Option<Duration>,
    /// For an upstream that is asleep to wake up.
    pub(crate) wake: Duration,
    /// The silence after which a comment keeps a stream alive.
    pub(crate) heartbeat: Duration,
}

/// Longer than any process runs.
const UNLIMITED: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

impl Timeouts {
    /// When a stream that begins at `now` must end.
    pub(crate) fn end_of_stream(&self, now: Instant) -> Instant {
        now + self.stream.unwrap_or(UNLIMITED)
    }

    /// When an attempt that starts at `now` times out. A whole response shows nothing until it is complete,
    /// so it may take all the time that is left, unless another endpoint can still be tried.
    pub(super) fn of_attempt(&self, request: &UpstreamRequest, now: Instant, has_more: bool) -> Instant {
        let left = request.deadline.saturating_duration_since(now);
        match request.expect {
            Expect::Events => (now + self.first_event).min(request.deadline),
            // A silence that may mean work is not followed by another attempt.
            Expect::Whole | Expect::Head if has_more && request.repeatable => now + self.failover.min(left),
            Expect::Whole | Expect::Head => request.deadline,
        }
    }
}
