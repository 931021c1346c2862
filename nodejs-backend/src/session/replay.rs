//! A replay cache: it remembers the ids of revoked sessions and the `state` parameters of finished sign-ins. It lives
//! only in the memory of this process, so that a restart clears it, and replicas do not share it.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
}

impl<S: BuildHasher> ReplayCache<S> {
    /// An empty set that remembers values for `lifetime` seconds. The key of `hasher` must be random, as that of
    /// `RandomState` is, so that no client can choose values with equal hashes.
    pub(crate) fn new(lifetime: u64, hasher: S) -> ReplayCache<S> {
        ReplayCache { lifetime, hasher, entries: Mutex::default() }
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
            entries.push_back((hash, now.saturating_add(self.lifetime)));
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
