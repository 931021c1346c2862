//! A replay cache: it remembers the ids of revoked sessions and the `state` parameters of finished sign-ins. It lives
//! in the memory of this process and survives its crashes. A new process begins with none, and replicas do not share it.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use space_kit::Survivors;

/// The most values that are remembered, which take 32 KiB. One more replaces the oldest.
pub(crate) const CAPACITY: usize = 2048;

/// A set of values that must not be used again. Each value is remembered for the same time, so that the oldest expires
/// first.
pub(crate) struct ReplayCache<S> {
    /// How long a value is remembered, in seconds.
    lifetime: u64,
    hasher: S,
    /// Hash and expiry, oldest first.
    entries: Mutex<VecDeque<(u64, u64)>>,
    records: Option<Records>,
}

/// Where the values are kept for the time after a crash: [`CAPACITY`] records from `first` on, the oldest of which is
/// replaced next.
struct Records {
    survivors: Arc<Survivors>,
    first: u64,
    next: AtomicU64,
}

impl<S: BuildHasher> ReplayCache<S> {
    /// An empty set that remembers values for `lifetime` seconds. The key of `hasher` must be random, as that of
    /// `RandomState` is, so that no client can choose values with equal hashes.
    pub(crate) fn new(lifetime: u64, hasher: S) -> ReplayCache<S> {
        ReplayCache { lifetime, hasher, entries: Mutex::default(), records: None }
    }

    /// Keeps the values in the records from `first` on too, and begins with those that a crash left there.
    pub(crate) fn surviving(mut self, survivors: Arc<Survivors>, first: u64) -> ReplayCache<S> {
        let mut kept = survivors.load(first..first + CAPACITY as u64);
        kept.sort_by_key(|(record, _, end)| (*end, *record));
        let newest = kept.last().map_or(0, |(record, ..)| record - first + 1);
        let entries = kept.iter().map(|(_, value, end)| (self.hasher.hash_one(as_text(value)), *end));
        self.entries = Mutex::new(entries.collect());
        self.records = Some(Records { survivors, first, next: AtomicU64::new(newest) });
        self
    }

    /// Remembers a value from `now` on (Unix time in seconds). Returns whether the value is new.
    pub(crate) fn insert(&self, value: &str, now: u64) -> bool {
        let hash = self.hasher.hash_one(value);
        let mut entries = self.lock();
        while entries.front().is_some_and(|(_, end)| *end <= now) || entries.len() >= CAPACITY {
            entries.pop_front();
        }
        let is_new = entries.iter().all(|(used, _)| *used != hash);
        if is_new {
            let end = now.saturating_add(self.lifetime);
            entries.push_back((hash, end));
            if let Some(Records { survivors, first, next }) = &self.records {
                let record = next.fetch_add(1, Relaxed) % CAPACITY as u64;
                survivors.keep(first + record, value.as_bytes(), end);
            }
        }
        is_new
    }

    /// Whether a value is remembered at `now`.
    pub(crate) fn contains(&self, value: &str, now: u64) -> bool {
        let entries = self.lock();
        if entries.is_empty() {
            return false;
        }
        let hash = self.hasher.hash_one(value);
        entries.iter().any(|(used, end)| *used == hash && now < *end)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, u64)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value as it was inserted. Text and bytes have different hashes.
fn as_text(value: &[u8]) -> &str {
    str::from_utf8(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasherDefault, DefaultHasher};

    fn cache() -> ReplayCache<BuildHasherDefault<DefaultHasher>> {
        ReplayCache::new(600, BuildHasherDefault::default())
    }

    #[test]
    fn a_value_is_new_once_until_it_expires() {
        let cache = cache();
        assert!(!cache.contains("a", 100));
        assert!(cache.insert("a", 100));
        assert!(!cache.insert("a", 101), "twice");
        assert!(cache.contains("a", 699) && !cache.contains("a", 700) && !cache.contains("b", 100));
        assert!(cache.insert("a", 700), "expired");
    }

    #[test]
    fn values_survive_in_their_records_and_a_full_set_keeps_the_newest() {
        let survivors = Arc::new(Survivors::default());
        let states = cache().surviving(survivors.clone(), 0);
        let sessions = cache().surviving(survivors.clone(), CAPACITY as u64);
        assert!(sessions.insert("session", 100));
        for number in 0..=CAPACITY as u64 {
            assert!(states.insert(&number.to_string(), 100 + number));
        }
        let states = cache().surviving(survivors.clone(), 0);
        let sessions = cache().surviving(survivors, CAPACITY as u64);
        assert!(sessions.contains("session", 100) && !sessions.contains("1", 100));
        assert!(!states.contains("0", 100) && states.contains("1", 100));
        assert!(!states.insert(&CAPACITY.to_string(), 200), "the newest value is remembered");
        assert!(states.insert("another", 200) && !states.contains("1", 200), "it replaces the oldest");
    }

    #[test]
    fn the_oldest_value_makes_room_for_a_new_one() {
        let cache = cache();
        for number in 0..=CAPACITY {
            assert!(cache.insert(&number.to_string(), 100));
        }
        assert!(
            !cache.contains("0", 100)
                && cache.contains("1", 100)
                && cache.contains(&CAPACITY.to_string(), 100)
        );
        let entries = cache.lock();
        assert!(entries.len() == CAPACITY && entries.capacity() * size_of_val(&entries[0]) <= 32 * 1024);
    }
}
