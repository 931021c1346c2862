//! A token bucket for each key, subject or client address, in a table that never grows.
//!
//! A bucket is one number: the time at which it will be full again (the generic cell rate algorithm, ITU-T
//! I.371). The table has room for [`PLACES`] buckets in groups of [`WAYS`]; a bucket's hash, under a random key of this
//! process, determines its group. A new bucket replaces the bucket in its group that is closest to being full, which is
//! usually a full one and loses nothing. However many addresses there are, the table
//! stays at [`BYTES`], and the busiest buckets are replaced last.

use super::rate::Rate;

use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const WAYS: usize = 8;
const GROUPS: usize = 1024;
/// The maximum number of buckets.
pub const PLACES: usize = WAYS * GROUPS;
/// The table's size: 128 KiB.
pub const BYTES: usize = PLACES * size_of::<Place>();

/// A bucket's hash, and the nanoseconds after the limiter's start at which it is full. An unused place has 0 and 0.
type Place = (u64, u64);

/// Which requests share a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket<'a> {
    /// Those with the key of this label.
    Key(&'a str),
    /// Those with tokens of this subject.
    Subject(&'a str),
    /// Those from this address, or this network.
    Address(IpAddr),
}

impl Bucket<'_> {
    /// The bucket of an address. An IPv6 client can use any address of its /64, so the /64 shares one bucket.
    pub fn address(address: IpAddr) -> Bucket<'static> {
        Bucket::Address(match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
            v4 => v4,
        })
    }
}

/// Whether a request is admitted, and the state of its bucket for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the request is admitted.
    pub admitted: bool,
    /// How many more requests would be admitted now.
    pub remaining: u32,
    /// The time until one more is admitted; zero if it would be now.
    pub wait: Duration,
    /// The time until the bucket is full.
    pub reset: Duration,
    /// The rate of the limiter.
    pub rate: Rate,
}

/// The buckets of a service.
pub struct Limiter<S> {
    rate: Rate,
    start: Instant,
    hasher: S,
    groups: Mutex<Vec<[Place; WAYS]>>,
}

impl<S: BuildHasher> Limiter<S> {
    /// A limiter whose buckets are all full. `hasher` must have a random key, such as `RandomState`, so that clients cannot
    /// choose which bucket they replace.
    pub fn new(rate: Rate, start: Instant, hasher: S) -> Limiter<S> {
        Limiter { rate, start, hasher, groups: Mutex::default() }
    }

    /// Empties the bucket of the client whose request crashed the process before this one, if it is known.
    pub fn charging(self, client: Option<IpAddr>) -> Limiter<S> {
        if let Some(client) = client {
            self.change(Bucket::address(client), true, |full_at| *full_at = self.rate.room());
        }
        self
    }

    /// Takes a request out of its bucket, or rejects it and takes nothing.
    pub fn take(&self, bucket: Bucket<'_>, now: Instant) -> Verdict {
        self.verdict(bucket, now, true)
    }

    /// What [`Limiter::take`] would return, without taking anything.
    pub fn peek(&self, bucket: Bucket<'_>, now: Instant) -> Verdict {
        self.verdict(bucket, now, false)
    }

    #[inline(never)] // one copy for both
    fn verdict(&self, bucket: Bucket<'_>, now: Instant, takes: bool) -> Verdict {
        let now = nanos(now.saturating_duration_since(self.start));
        let (step, room) = (self.rate.step(), self.rate.room());
        let (admitted, owed) = self.change(bucket, takes, |full_at| {
            let owed = full_at.saturating_sub(now);
            let admitted = owed + step <= room;
            if admitted && takes {
                *full_at = now + owed + step;
            }
            (admitted, full_at.saturating_sub(now))
        });
        let free = room.saturating_sub(owed);
        Verdict {
            admitted,
            remaining: u32::try_from(free / step).unwrap_or(u32::MAX),
            wait: Duration::from_nanos(step.saturating_sub(free)),
            reset: Duration::from_nanos(owed),
            rate: self.rate,
        }
    }

    /// Changes the time at which a bucket is full. Without `keeps`, a bucket that has no place gets none.
    fn change<T>(&self, bucket: Bucket<'_>, keeps: bool, change: impl FnOnce(&mut u64) -> T) -> T {
        let hash = self.hasher.hash_one(bucket);
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.is_empty() && keeps {
            *groups = vec![[(0, 0); WAYS]; GROUPS]; // not at start-up
        }
        let group = groups.get_mut((hash % GROUPS as u64) as usize).map_or(&mut [][..], |group| group);
        let mut nowhere = (hash, 0);
        let own = if keeps { place(group, hash) } else { group.iter_mut().find(|place| place.0 == hash) };
        let (_, full_at) = own.unwrap_or(&mut nowhere);
        change(full_at)
    }
}

/// The bucket's place in its group: its own, or the one that is unused or closest to being full.
fn place(group: &mut [Place], hash: u64) -> Option<&mut Place> {
    let own = group.iter().position(|place| place.0 == hash);
    let least = || group.iter().enumerate().min_by_key(|(_, place)| place.1).map(|(at, _)| at);
    let place = group.get_mut(own.or_else(least)?)?;
    if place.0 != hash {
        *place = (hash, 0);
    }
    Some(place)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 2)
}

impl<S> std::fmt::Debug for Limiter<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("rate", &self.rate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::hash::{BuildHasherDefault, DefaultHasher};

    type Fixed = BuildHasherDefault<DefaultHasher>;

    fn limiter(rate: &str, start: Instant) -> Limiter<Fixed> {
        Limiter::new(Rate::parse(rate).unwrap(), start, Fixed::default())
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn numbered(number: u32) -> Bucket<'static> {
        Bucket::address(IpAddr::V4(number.into()))
    }

    #[test]
    fn a_bucket_admits_its_burst_and_then_one_request_per_step() {
        let start = Instant::now();
        let limiter = limiter("3/min", start);
        let ann = Bucket::Key("ann");
        for (at, admitted, remaining, wait, reset) in [
            (0, true, 2, 0, 20_000),
            (0, true, 1, 0, 40_000),
            (0, true, 0, 20_000, 60_000),
            (0, false, 0, 20_000, 60_000),
            (19_999, false, 0, 1, 40_001),
            (20_000, true, 0, 20_000, 60_000),
            (80_000, true, 2, 0, 20_000),
        ] {
            let verdict = limiter.take(ann, start + ms(at));
            assert_eq!((verdict.admitted, verdict.remaining), (admitted, remaining), "at {at} ms");
            assert_eq!((verdict.wait, verdict.reset), (ms(wait), ms(reset)), "at {at} ms");
        }
    }

    #[test]
    fn a_client_whose_request_crashed_the_process_begins_with_an_empty_bucket() {
        let start = Instant::now();
        let [crasher, other] = [1, 2].map(|number| IpAddr::V4(number.into()));
        let limiter = limiter("3/min", start).charging(Some(crasher)).charging(None);
        let verdict = limiter.take(Bucket::address(crasher), start);
        assert_eq!((verdict.admitted, verdict.wait), (false, ms(20_000)));
        assert!(limiter.take(Bucket::address(crasher), start + ms(20_000)).admitted);
        assert!(limiter.take(Bucket::address(other), start).admitted);
    }

    #[test]
    fn keys_subjects_and_addresses_have_buckets_of_their_own() {
        let start = Instant::now();
        let limiter = limiter("1/day", start);
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        for bucket in [Bucket::Key("192.0.2.1"), Bucket::Subject("192.0.2.1"), Bucket::address(address)] {
            assert!(limiter.take(bucket, start).admitted);
            assert!(!limiter.take(bucket, start).admitted);
        }
    }

    #[test]
    fn an_ipv6_network_is_one_client_and_a_mapped_address_is_what_it_maps() {
        let bucket = |text: &str| Bucket::address(text.parse().unwrap());
        assert_eq!(bucket("2001:db8:1:2::1"), bucket("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(bucket("2001:db8:1:2::1"), bucket("2001:db8:1:3::1"));
        assert_eq!(bucket("::ffff:192.0.2.1"), bucket("192.0.2.1"));
        assert_ne!(bucket("192.0.2.1"), bucket("192.0.2.2"));
    }

    #[test]
    fn a_million_addresses_use_no_more_memory_and_do_not_reset_the_busiest() {
        let start = Instant::now();
        let limiter = limiter("20/min", start);
        let busy = Bucket::Key("busy");
        while limiter.take(busy, start).admitted {}
        for number in 0..1_000_000 {
            assert!(limiter.take(numbered(number), start).admitted, "a new client is always admitted");
            assert!(number % 1000 != 0 || !limiter.take(busy, start).admitted);
        }
        let groups = limiter.groups.into_inner().unwrap();
        assert_eq!((groups.capacity() * size_of_val(&groups[0]), BYTES), (131_072, 131_072));
    }

    #[test]
    fn a_time_before_the_start_is_harmless() {
        let start = Instant::now() + Duration::from_secs(9);
        assert!(limiter("1/s", start).take(numbered(1), start - Duration::from_secs(5)).admitted);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Any period admits at most the burst plus the rate times the period.
        #[test]
        fn never_more_than_the_burst_and_the_rate(
            count in 1..30_u32, unit in "s|min|h|day",
            gaps in prop::collection::vec(prop_oneof![Just(0), 0..3_000_000_000_u64, 0..90_000_000_000_000_u64], 1..80),
        ) {
            let start = Instant::now();
            let limiter = limiter(&format!("{count}/{unit}"), start);
            let step = limiter.rate.step();
            let (mut now, mut admitted) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                let verdict = limiter.take(Bucket::Key("k"), start + Duration::from_nanos(now));
                if verdict.admitted {
                    admitted.push(now);
                }
                prop_assert_eq!(verdict.wait.is_zero(), verdict.remaining > 0);
                prop_assert!(verdict.remaining < count && verdict.reset >= verdict.wait);
            }
            for (first, from) in admitted.iter().enumerate() {
                for (last, to) in admitted.iter().enumerate().skip(first) {
                    let brought = (to - from) / step;
                    prop_assert!((last - first + 1) as u64 <= u64::from(count) + brought);
                }
            }
        }

        /// A request is admitted exactly after the time in the verdict.
        #[test]
        fn the_wait_is_exact(count in 1..50_u32, unit in "s|min|h|day", taken in 1..60_u32, later in 0..1_000_000_u64) {
            let start = Instant::now();
            let limiter = limiter(&format!("{count}/{unit}"), start);
            for _ in 0..taken {
                limiter.take(Bucket::Key("k"), start);
            }
            let now = start + Duration::from_nanos(later);
            let verdict = limiter.take(Bucket::Key("k"), now);
            if !verdict.wait.is_zero() {
                let ready = now + verdict.wait;
                prop_assert!(!limiter.take(Bucket::Key("k"), ready - Duration::from_nanos(1)).admitted);
                prop_assert!(limiter.take(Bucket::Key("k"), ready).admitted);
            }
        }

        /// With enough places, each bucket behaves as if it were the only one.
        #[test]
        fn buckets_do_not_touch_each_other(takes in prop::collection::vec((0..6_u32, 0..2000_u64), 1..60)) {
            let start = Instant::now();
            let (all, mut now) = (limiter("2/s", start), start);
            let alone: Vec<_> = (0..6).map(|_| limiter("2/s", start)).collect();
            for (who, gap) in takes {
                now += ms(gap);
                prop_assert_eq!(all.take(numbered(who), now), alone[who as usize].take(numbered(who), now));
            }
        }
    }
}
