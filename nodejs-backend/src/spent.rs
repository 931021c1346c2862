//! What has been used up: session ids after a sign-out, the states of finished sign-ins. Kept in this process's
//! memory alone: a restart forgets it, another replica does not know it.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most that is remembered; beyond it the oldest is forgotten. 32 KiB.
pub(crate) const PLACES: usize = 2048;

/// A set of used things. Each is remembered for the same time, so the oldest is the first to be forgotten.
pub(crate) struct Spent<S> {
    /// Seconds.
    life: u64,
    hasher: S,
    /// Hash and end, oldest first.
    entries: Mutex<VecDeque<(u64, u64)>>,
}

impl<S: BuildHasher> Spent<S> {
    /// An empty set that remembers for `life` seconds. `hasher` must be keyed at random, such as `RandomState`.
    pub(crate) fn new(life: u64, hasher: S) -> Spent<S> {
        Spent { life, hasher, entries: Mutex::default() }
    }

    /// Notes that something is used up now (seconds since 1970). False: it was before.
    pub(crate) fn spend(&self, what: &str, now: u64) -> bool {
        let hash = self.hasher.hash_one(what);
        let mut entries = self.lock();
        while entries.front().is_some_and(|(_, end)| *end <= now) || entries.len() >= PLACES {
            entries.pop_front();
        }
        let fresh = entries.iter().all(|(spent, _)| *spent != hash);
        if fresh {
            entries.push_back((hash, now.saturating_add(self.life)));
        }
        fresh
    }

    /// Whether something is used up.
    pub(crate) fn has(&self, what: &str, now: u64) -> bool {
        let entries = self.lock();
        if entries.is_empty() {
            return false;
        }
        let hash = self.hasher.hash_one(what);
        entries.iter().any(|(spent, end)| *spent == hash && now < *end)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, u64)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{BuildHasherDefault, DefaultHasher};

    fn spent() -> Spent<BuildHasherDefault<DefaultHasher>> {
        Spent::new(600, BuildHasherDefault::default())
    }

    #[test]
    fn a_thing_is_spent_once_and_for_its_time() {
        let spent = spent();
        assert!(!spent.has("a", 100));
        assert!(spent.spend("a", 100));
        assert!(!spent.spend("a", 101), "twice");
        assert!(spent.has("a", 699) && !spent.has("a", 700) && !spent.has("b", 100));
        assert!(spent.spend("a", 700), "forgotten");
    }

    #[test]
    fn the_oldest_is_forgotten_when_there_is_no_place() {
        let spent = spent();
        for number in 0..=PLACES {
            assert!(spent.spend(&number.to_string(), 100));
        }
        assert!(!spent.has("0", 100) && spent.has("1", 100) && spent.has(&PLACES.to_string(), 100));
        let entries = spent.lock();
        assert!(entries.len() == PLACES && entries.capacity() * size_of_val(&entries[0]) <= 32 * 1024);
    }
}
