//! What the gateway has learnt about an upstream from its responses.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::wire::dialect::Dialect;

/// Streams that were left open after their last choice, before the upstream is known to do that.
const OPEN_ENDS: u32 = 2;
/// How long an API counts as missing, in seconds. Then it is looked for again.
const MISSING_SECONDS: u64 = 600;
/// The bit of `stream_options` among the members that upstreams reject.
const OPTIONS_BIT: u8 = 1;

/// What the gateway has learnt about an upstream from its responses.
#[derive(Debug, Default)]
pub(crate) struct Habits {
    /// It rejects `stream_options`.
    rejects_usage: AtomicBool,
    /// The model that last rejected other members, and which ones.
    rejected: Mutex<(String, u8)>,
    /// For `/responses` and `/messages`: until when the API counts as missing, in seconds since 1970, and how many
    /// requests were translated.
    missing_until: [AtomicU64; 2],
    translated: [AtomicU64; 2],
    sends_done: AtomicBool,
    open_ends: AtomicU32,
}

impl Habits {
    /// The members that requests for a model must not have, as bits.
    pub(super) fn rejected(&self, model: &str) -> u8 {
        let rejected = self.lock();
        let of_model = if rejected.0 == model { rejected.1 } else { 0 };
        of_model | if self.rejects_usage.load(Relaxed) { OPTIONS_BIT } else { 0 }
    }

    /// Records that the upstream rejects these members for a model. `stream_options` is not a matter of the model.
    pub(super) fn record_rejected(&self, model: &str, members: u8) {
        if members & OPTIONS_BIT != 0 {
            self.rejects_usage.store(true, Relaxed);
        }
        let mut rejected = self.lock();
        if rejected.0 != model {
            *rejected = (model.to_owned(), 0);
        }
        rejected.1 |= members & !OPTIONS_BIT;
    }

    fn lock(&self) -> MutexGuard<'_, (String, u8)> {
        self.rejected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the upstream is known to lack an API at this time, in seconds since 1970.
    pub(super) fn lacks(&self, dialect: Dialect, now: u64) -> bool {
        self.missing_until.get(place(dialect)).is_some_and(|until| now < until.load(Relaxed))
    }

    /// Records a request of an API that the upstream answered as a chat request, because the API `is_missing`.
    pub(super) fn record_translated(&self, dialect: Dialect, is_missing: bool, now: u64) {
        if let Some(count) = self.translated.get(place(dialect)) {
            count.fetch_add(1, Relaxed);
        }
        if let (true, Some(until)) = (is_missing, self.missing_until.get(place(dialect))) {
            until.store(now + MISSING_SECONDS, Relaxed);
        }
    }

    /// Appends the counts of translated requests to the upstream with this name, in the Prometheus text format.
    pub(super) fn render(&self, upstream: &str, out: &mut String) {
        for (api, count) in ["responses", "messages"].iter().zip(&self.translated) {
            let count = count.load(Relaxed);
            if count > 0 {
                _ = writeln!(out, r#"gateway_translated_total{{upstream="{upstream}",api="{api}"}} {count}"#);
            }
        }
    }

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

fn place(dialect: Dialect) -> usize {
    usize::from(dialect == Dialect::Messages)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_is_missing_for_ten_minutes() {
        let habits = Habits::default();
        habits.record_translated(Dialect::Messages, false, 1000);
        assert!(!habits.lacks(Dialect::Messages, 1000), "the setting is known, not the upstream");
        habits.record_translated(Dialect::Messages, true, 1000);
        assert!(habits.lacks(Dialect::Messages, 1599) && !habits.lacks(Dialect::Messages, 1600));
        assert!(!habits.lacks(Dialect::Responses, 1000));
        let mut text = String::new();
        habits.render("u", &mut text);
        assert_eq!(text, "gateway_translated_total{upstream=\"u\",api=\"messages\"} 2\n");
    }

    #[test]
    fn rejected_members_are_known_by_model() {
        let habits = Habits::default();
        habits.record_rejected("a", 0b011);
        assert_eq!((habits.rejected("a"), habits.rejected("b")), (0b011, 0b001));
        habits.record_rejected("b", 0b100);
        assert_eq!((habits.rejected("a"), habits.rejected("b")), (0b001, 0b101));
    }

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
