//! A replay cache: it remembers the ids of revoked sessions and the `state` parameters of finished sign-ins. It lives
//! in the memory of this process and survives its crashes. A new process begins with none, and replicas do not share it.

use std::hash::BuildHasher;
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
    /// Hash and end (Unix time in seconds) of each value. The buckets are allocated when they are needed.
    buckets: Mutex<Vec<Vec<(u64, u64)>>>,
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
        ReplayCache { hasher, size, buckets: Mutex::default(), records: None }
    }

    /// Keeps the values in the records from `first` on too, and begins with those that a crash left there.
    pub(crate) fn surviving(mut self, survivors: Arc<Survivors>, first: u64) -> ReplayCache<S> {
        for (record, value, end) in survivors.load(first..first + (self.size * WAYS) as u64) {
            let Ok(place) = usize::try_from(record - first) else { continue };
            let hash = self.hasher.hash_one(as_text(&value));
            if let Some(bucket) = self.lock_allocated().get_mut(place / WAYS) {
                // A record that is not whole leaves a gap: a value that has ended.
                bucket.resize(bucket.len().max(place % WAYS + 1), (0, 0));
                bucket.get_mut(place % WAYS).into_iter().for_each(|entry| *entry = (hash, end));
            }
        }
        self.records = Some((survivors, first));
        self
    }

    /// Remembers a value from `now` until `end` (Unix times in seconds).
    pub(crate) fn insert(&self, value: &str, end: u64, now: u64) -> Inserted {
        let (hash, number) = (self.hasher.hash_one(value), self.bucket(value));
        let mut buckets = self.lock_allocated();
        let Some(bucket) = buckets.get_mut(number) else { return Inserted::Known };
        if is_in(bucket, hash, now) {
            return Inserted::Known;
        }
        let first = bucket.iter().enumerate().min_by_key(|(_, (_, end))| *end);
        let (place, displacing) = match first {
            Some((place, (_, ended))) if *ended <= now || bucket.len() >= WAYS => (place, *ended > now),
            _ => (bucket.len(), false),
        };
        match bucket.get_mut(place) {
            Some(entry) => *entry = (hash, end),
            None => bucket.push((hash, end)),
        }
        if let Some((survivors, first)) = &self.records {
            survivors.keep(first + (number * WAYS + place) as u64, value.as_bytes(), end);
        }
        if displacing { Inserted::Displacing } else { Inserted::New }
    }

    /// Whether a value is remembered at `now`.
    pub(crate) fn contains(&self, value: &str, now: u64) -> bool {
        let buckets = self.lock();
        let bucket = buckets.get(self.bucket(value)).filter(|bucket| !bucket.is_empty());
        bucket.is_some_and(|bucket| is_in(bucket, self.hasher.hash_one(value), now))
    }

    /// The bucket of a value. It is the same after a crash, unlike the hash.
    fn bucket(&self, value: &str) -> usize {
        let step = |sum: usize, byte: u8| sum.wrapping_mul(31).wrapping_add(byte.into());
        value.bytes().fold(0, step) % self.size
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Vec<(u64, u64)>>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_allocated(&self) -> MutexGuard<'_, Vec<Vec<(u64, u64)>>> {
        let mut buckets = self.lock();
        buckets.resize_with(self.size, Vec::new);
        buckets
    }
}

fn is_in(bucket: &[(u64, u64)], hash: u64, now: u64) -> bool {
    bucket.iter().any(|(used, end)| *used == hash && now < *end)
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
    fn a_full_set_takes_one_kibibyte_a_bucket() {
        let cache = cache(4);
        for number in 0..1000 {
            cache.insert(&id(number), 1000, 100);
        }
        for bucket in cache.lock().iter() {
            assert!(bucket.len() == WAYS && bucket.capacity() * size_of_val(&bucket[0]) == 1024);
        }
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
