//! One upstream and its health.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use space_kit::metrics::Histogram;

use super::address::Upstream;
use super::attempt_counts::AttemptCounts;
use super::breaker::Breaker;
use super::habits::Habits;
use super::wake::Waker;

/// The most models of a list that are remembered: 8 KiB.
const MAX_LISTED: usize = 1024;

/// One upstream and its health.
pub(super) struct Endpoint {
    pub(super) upstream: Arc<Upstream>,
    pub(super) breaker: Breaker,
    pub(super) waker: Waker,
    pub(super) counts: AttemptCounts,
    /// How long attempts took until a whole response, or the first event of a stream.
    pub(super) durations: Histogram,
    /// How long requests for a stream took until its first event, with all attempts.
    pub(super) first_events: Histogram,
    pub(super) habits: Arc<Habits>,
    pub(super) address_hash: u64,
    /// Hashes of the models in its last list.
    listed: Mutex<Vec<u64>>,
}

impl Endpoint {
    /// An upstream that is assumed to be healthy.
    pub(super) fn new(upstream: Upstream) -> Endpoint {
        Endpoint {
            address_hash: hash(format!("{upstream:?}")),
            upstream: Arc::new(upstream),
            breaker: Breaker::default(),
            waker: Waker::default(),
            counts: AttemptCounts::default(),
            durations: Histogram::default(),
            first_events: Histogram::default(),
            habits: Arc::default(),
            listed: Mutex::default(),
        }
    }

    /// Records the models in its list.
    pub(super) fn record_list<'a>(&self, ids: impl Iterator<Item = &'a str>) {
        let hashes = ids.take(MAX_LISTED).map(hash).collect();
        *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = hashes;
    }

    /// Whether its last list has the model with this hash.
    pub(super) fn lists(&self, model: u64) -> bool {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).contains(&model)
    }
}

/// A hash that is the same in every process, so that several gateways choose the same replica.
pub(super) fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
