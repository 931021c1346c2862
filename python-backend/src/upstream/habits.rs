//! What the gateway has learnt about an upstream from its responses.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// Streams that were left open after their last choice, before the upstream is known to do that.
const OPEN_ENDS: u32 = 2;

/// What the gateway has learnt about an upstream from its responses.
#[derive(Debug, Default)]
pub(crate) struct Habits {
    /// It rejects `stream_options`.
    pub(super) rejects_usage: AtomicBool,
    sends_done: AtomicBool,
    open_ends: AtomicU32,
}

impl Habits {
    /// Records a stream that ended with `[DONE]`.
    pub(crate) fn record_done(&self) {
        self.sends_done.store(true, Relaxed);
    }

    /// Records a stream that had a `finish_reason` for each choice and then stayed open in silence for the whole
    /// time between two events.
    pub(crate) fn record_open_end(&self) {
        self.open_ends.fetch_add(1, Relaxed);
    }

    /// Whether its streams end in silence. An upstream that has ever sent `[DONE]` may send more before it.
    pub(crate) fn leaves_streams_open(&self) -> bool {
        !self.sends_done.load(Relaxed) && self.open_ends.load(Relaxed) >= OPEN_ENDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_leaves_streams_open_only_if_it_did_twice_and_never_sent_done() {
        let habits = Habits::default();
        habits.record_open_end();
        assert!(!habits.leaves_streams_open());
        habits.record_open_end();
        assert!(habits.leaves_streams_open());
        habits.record_done();
        assert!(!habits.leaves_streams_open());
    }
}
