//! One upstream and its health.

use std::sync::Arc;

use super::address::Upstream;
use super::attempt_counts::AttemptCounts;
use super::breaker::Breaker;
use super::habits::Habits;
use super::wake::Waker;

/// One upstream and its health.
pub(super) struct Endpoint {
    pub(super) upstream: Arc<Upstream>,
    pub(super) breaker: Breaker,
    pub(super) waker: Waker,
    pub(super) counts: AttemptCounts,
    pub(super) habits: Arc<Habits>,
}

impl Endpoint {
    /// An upstream that is assumed to be healthy.
    pub(super) fn new(upstream: Upstream) -> Endpoint {
        Endpoint {
            upstream: Arc::new(upstream),
            breaker: Breaker::default(),
            waker: Waker::default(),
            counts: AttemptCounts::default(),
            habits: Arc::default(),
        }
    }
}
