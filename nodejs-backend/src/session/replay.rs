//! A replay cache: it remembers the ids of revoked sessions and the `state` parameters of finished sign-ins. It lives
//! in the memory of this process and survives its crashes. A new process begins with none, and replicas do not share it.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use space_kit::Survivors;

/// The values of a bucket. Their records fill one page of the survivors' file.
const WAYS: usize = 64;
/// Buckets of the sign-outs: 65,536 values, which take 1 MiB.
pub(crate) const SIGN_OUTS: usize = 1024;
/// Buckets of the used states: 2,048 values, which take 32 KiB.
pub(crate) const STATES: usize = 32;
/// The first record of the used states, after those of the sign-outs.
pub(crate) const STATE_RECORDS: u64 = (SIGN_OUTS * WAYS) as u64;

/// A set of values that must not be used again, each until its end. The values are random and of our own making, so
/// they fill the buckets evenly. In a full bucket the value that ends first makes room.
pub(crate) struct ReplayCache<S> {
    hasher: S,
    /// How many buckets there are.
    size: usize,
    /// Hash and end (Unix time in seconds) of each value, one bucket after the other. They are allocated with the first
    /// value, as zeros: values that have ended.
    entries: Mutex<Vec<(u64, u64)>>,
    /// Where the values are kept for the time after a crash, and their first record.
    records: Option<(Arc<Survivors>, u64)>,
}

/// What an insertion found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inserted {
    New,
    /// The value is new, and one that has not ended was forgotten for it.
    Displacing,
    Known,
}

impl<S: BuildHasher> ReplayCache<S> {
    /// An empty set with this many buckets. The key of `hasher` must be random, as that of `RandomState` is, so that no
    /// client can choose values with equal hashes.
    pub(crate) fn new(size: usize, hasher: S) -> ReplayCache<S> {
        ReplayCache { hasher, size, entries: Mutex::default(), records: None }
    }

    /// Keeps the values in the records from `first` on too, and begins with those that a crash left there.
    pub(crate) fn surviving(mut self, survivors: Arc<Survivors>, first: u64) -> ReplayCache<S> {
        survivors.load(first..first + (self.size * WAYS) as u64, |record, value, end| {
            let place = usize::try_from(record - first).unwrap_or(usize::MAX);
            let hash = self.hasher.hash_one(as_text(value));
            self.lock_allocated().get_mut(place).into_iter().for_each(|entry| *entry = (hash, end));
        });
        self.records = Some((survivors, first));
        self
    }

    /// Remembers a value from `now` until `end` (Unix times in seconds).
    pub(crate) fn insert(&self, value: &str, end: u64, now: u64) -> Inserted {
        let (hash, bucket) = (self.hasher.hash_one(value), self.bucket(value));
        let mut entries = self.lock_allocated();
        let bucket = entries.get_mut(bucket.clone()).unwrap_or_default().iter_mut().zip(bucket);
        let (mut first, mut place) = (None::<&mut (u64, u64)>, 0);
        for (entry, at) in bucket {
            if entry.0 == hash && now < entry.1 {
                return Inserted::Known;
            }
            if first.as_ref().is_none_or(|first| entry.1 < first.1) {
                (first, place) = (Some(entry), at);
            }
        }
        if let Some((survivors, first)) = &self.records {
            survivors.keep(first + place as u64, value.as_bytes(), end);
        }
        match first.map(|first| std::mem::replace(first, (hash, end))) {
            Some((_, ended)) if now < ended => Inserted::Displacing,
            _ => Inserted::New,
        }
    }

    /// Whether a value is remembered at `now`.
    pub(crate) fn contains(&self, value: &str, now: u64) -> bool {
        let entries = self.lock();
        let Some(bucket) = entries.get(self.bucket(value)) else { return false };
        let hash = self.hasher.hash_one(value);
        bucket.iter().any(|(used, end)| *used == hash && now < *end)
    }

    /// The places of the values that share a bucket with this one. They are the same after a crash, unlike the hash.
    fn bucket(&self, value: &str) -> Range<usize> {
        let step = |sum: usize, byte: u8| sum.wrapping_mul(31).wrapping_add(byte.into());
        let first = value.bytes().fold(0, step) % self.size * WAYS;
        first..first + WAYS
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_allocated(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        let mut entries = self.lock();
        if entries.is_empty() {
            *entries = vec![(0, 0); self.size * WAYS];
        }
        entries
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

    fn cache(size: usize) -> ReplayCache<BuildHasherDefault<DefaultHasher>> {
        ReplayCache::new(size, BuildHasherDefault::default())
    }

    /// An id as the service makes them: long enough to fill the buckets evenly.
    fn id(number: usize) -> String {
        use std::hash::Hasher as _;
        let mut hasher = DefaultHasher::new();
        hasher.write_usize(number);
        format!("{:016x}", hasher.finish())
    }

    #[test]
    fn a_value_is_new_once_until_it_ends() {
        let cache = cache(STATES);
        assert!(!cache.contains("a", 100));
        assert_eq!(cache.insert("a", 700, 100), Inserted::New);
        assert_eq!(cache.insert("a", 701, 101), Inserted::Known);
        assert!(cache.contains("a", 699) && !cache.contains("a", 700) && !cache.contains("b", 100));
        assert_eq!(cache.insert("a", 1300, 700), Inserted::New, "it had ended");
    }

    #[test]
    fn the_value_that_ends_first_makes_room_and_its_end_says_whether_that_matters() {
        let cache = cache(1);
        for number in 0..WAYS {
            let end = if number == 7 { 200 } else { 300 };
            assert_eq!(cache.insert(&id(number), end, 100), Inserted::New);
        }
        assert_eq!(cache.insert("early", 400, 199), Inserted::Displacing);
        assert!(
            !cache.contains(&id(7), 199) && (0..WAYS).all(|one| one == 7 || cache.contains(&id(one), 199))
        );
        assert_eq!(cache.insert("late", 400, 300), Inserted::New, "all but one have ended");
        assert!(cache.contains("early", 300) && cache.contains("late", 300));
    }

    #[test]
    fn no_sign_out_is_forgotten_for_30_000_others() {
        let cache = cache(SIGN_OUTS);
        for number in 0..30_000 {
            assert_eq!(cache.insert(&id(number), 1000, 100), Inserted::New);
        }
        assert!((0..30_000).all(|number| cache.contains(&id(number), 999)));
    }

    #[test]
    fn a_set_takes_one_kibibyte_a_bucket_and_nothing_before_its_first_value() {
        let cache = cache(4);
        assert!(!cache.contains("a", 100) && cache.lock().capacity() == 0);
        for number in 0..1000 {
            cache.insert(&id(number), 1000, 100);
        }
        let entries = cache.lock();
        assert_eq!(entries.capacity() * size_of_val(&entries[0]), 4 * 1024);
        assert!(entries.iter().all(|(_, end)| *end == 1000), "the set is full");
    }

    #[test]
    fn values_survive_a_crash_in_their_buckets() {
        let survivors = Arc::new(Survivors::default());
        let sessions = || cache(SIGN_OUTS).surviving(survivors.clone(), 0);
        let states = || cache(STATES).surviving(survivors.clone(), STATE_RECORDS);
        let (before, used) = (sessions(), states());
        for number in 0..1000 {
            assert_eq!(before.insert(&id(number), 500, 100), Inserted::New);
            assert_eq!(used.insert(&id(number + 1000), 600, 100), Inserted::New);
        }
        let (after, used) = (sessions(), states());
        assert!(
            (0..1000).all(|number| after.contains(&id(number), 499) && !after.contains(&id(number), 500))
        );
        assert!(
            (1000..2000).all(|number| used.contains(&id(number), 599) && !after.contains(&id(number), 100))
        );
        assert_eq!(after.insert(&id(5), 700, 200), Inserted::Known);
        assert_eq!(after.insert("another", 700, 200), Inserted::New);
        assert!(sessions().contains("another", 200) && sessions().contains(&id(5), 200));
    }
}
