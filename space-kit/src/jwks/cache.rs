//! When a key set is used, fetched again and dropped: a state machine that takes times and outcomes as arguments.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::jwt::KeySet;

/// Bounds for the time that an issuer lets its keys be kept.
const SHORTEST: Duration = Duration::from_secs(5 * 60);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How much longer a set is used while no newer one is available. After that a revoked key must not be accepted, even
/// if an attacker keeps the issuer unreachable.
const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// Between two fetches for keys that the set lacks, because any client can invent a `kid`.
const COOLDOWN: Duration = Duration::from_secs(30);
/// Between two attempts while there is a usable set, and while there is none.
const RETRY_WITH: Duration = Duration::from_secs(30);
const RETRY_WITHOUT: Duration = Duration::from_secs(5);
/// How long a failure counts: an old set is used without waiting for this time, and refreshed in the background.
const FAILED: Duration = Duration::from_secs(2 * 60);

/// Which set a request needs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Need<'a> {
    /// A fresh one.
    Any,
    /// One that is newer than this one, which has no key for the token, or another one.
    NewerThan(&'a Arc<KeySet>),
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Use this set.
    Use(Arc<KeySet>),
    /// Use this set, and begin a fetch in the background.
    UseAndFetch(Arc<KeySet>),
    /// Begin a fetch and wait for it.
    Fetch,
    /// Wait for the fetch in progress.
    Wait,
    /// There is no set, and the next attempt begins after this time.
    Unavailable(Duration),
}

/// The set in use and the times of what was tried.
#[derive(Debug, Default)]
pub(super) struct Cache {
    held: Option<Held>,
    /// No ordinary fetch begins before this time. Set when one begins, and cleared when it succeeds.
    retry_at: Option<Instant>,
    /// No fetch for a missing key begins before this time.
    cool_at: Option<Instant>,
    /// Until then the last fetch counts as failed, so that no request waits for another one. Cleared by a success.
    failed_until: Option<Instant>,
}

#[derive(Debug)]
struct Held {
    keys: Arc<KeySet>,
    fresh_until: Instant,
}

impl Cache {
    /// What to do for a request at `now`; `flying` says whether a fetch is in progress.
    pub(super) fn step(&self, now: Instant, need: Need<'_>, flying: bool) -> Step {
        let Some(held) = self.usable(now) else {
            return match self.pause(now) {
                _ if flying => Step::Wait,
                Some(pause) => Step::Unavailable(pause),
                None => Step::Fetch,
            };
        };
        let keys = held.keys.clone();
        match need {
            Need::NewerThan(old) if Arc::ptr_eq(old, &keys) => match self.cool_at {
                _ if flying => Step::Wait,
                Some(at) if now < at => Step::Use(keys),
                _ => Step::Fetch,
            },
            _ if now < held.fresh_until => Step::Use(keys),
            // The issuer may have withdrawn a key of the old set, so that is used only if no newer one can be had.
            _ if flying && !self.failed(now) => Step::Wait,
            _ if flying || self.pause(now).is_some() => Step::Use(keys),
            _ if self.failed(now) => Step::UseAndFetch(keys),
            _ => Step::Fetch,
        }
    }

    /// Notes that a fetch begins. If it never ends, it counts as failed.
    pub(super) fn begin(&mut self, now: Instant, need: Need<'_>) {
        let pause = if self.usable(now).is_some() { RETRY_WITH } else { RETRY_WITHOUT };
        self.retry_at = Some(now + pause);
        if let Need::NewerThan(_) = need {
            self.cool_at = Some(now + COOLDOWN);
        }
    }

    /// Stores the set of a fetch that began at `now`. After a failed fetch the old set stays.
    pub(super) fn succeed(&mut self, now: Instant, keys: KeySet, max_age: Option<Duration>) {
        let fresh = max_age.unwrap_or(SHORTEST).clamp(SHORTEST, LONGEST);
        self.held = Some(Held { keys: Arc::new(keys), fresh_until: now + fresh });
        (self.retry_at, self.failed_until) = (None, None);
    }

    /// Notes that the fetch that began at `began` failed at `now`. After a long one, the next does not begin at once, so
    /// that no request waits for two.
    pub(super) fn fail(&mut self, began: Instant, now: Instant) {
        self.failed_until = Some(now + FAILED);
        if now - began >= RETRY_WITHOUT {
            self.retry_at = Some(now + RETRY_WITH);
        }
    }

    /// The result for a request that waited for a fetch: the newest set, or the time until the next attempt.
    pub(super) fn settle(&self, now: Instant) -> Result<Arc<KeySet>, Duration> {
        match self.usable(now) {
            Some(held) => Ok(held.keys.clone()),
            None => Err(self.pause(now).unwrap_or(RETRY_WITHOUT)),
        }
    }

    fn usable(&self, now: Instant) -> Option<&Held> {
        self.held.as_ref().filter(|held| now < held.fresh_until + GRACE)
    }

    fn failed(&self, now: Instant) -> bool {
        self.failed_until.is_some_and(|until| now < until)
    }

    fn pause(&self, now: Instant) -> Option<Duration> {
        self.retry_at?.checked_duration_since(now).filter(|pause| !pause.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn filled(start: Instant, max_age: Option<u64>) -> (Cache, Arc<KeySet>) {
        let mut cache = Cache::default();
        cache.begin(start, Need::Any);
        cache.succeed(start, KeySet::default(), max_age.map(after));
        let keys = cache.settle(start).unwrap();
        (cache, keys)
    }

    fn fresh_for(start: Instant, max_age: Option<u64>, seconds: u64) -> bool {
        let (cache, _) = filled(start, max_age);
        matches!(cache.step(start + after(seconds), Need::Any, false), Step::Use(_))
    }

    #[test]
    fn max_age_is_bounded_to_between_5_minutes_and_24_hours() {
        let start = Instant::now();
        for (max_age, fresh) in
            [(None, 300), (Some(0), 300), (Some(299), 300), (Some(3600), 3600), (Some(90_000), 86_400)]
        {
            assert!(fresh_for(start, max_age, fresh - 1), "{max_age:?}");
            assert!(!fresh_for(start, max_age, fresh), "{max_age:?}");
        }
    }

    #[test]
    fn requests_wait_for_the_first_fetch_and_share_it() {
        let start = Instant::now();
        let mut cache = Cache::default();
        assert_eq!(cache.step(start, Need::Any, false), Step::Fetch);
        cache.begin(start, Need::Any);
        assert_eq!(cache.step(start, Need::Any, true), Step::Wait);
        cache.succeed(start, KeySet::default(), None);
        assert!(matches!(cache.step(start, Need::Any, false), Step::Use(_)));
    }

    #[test]
    fn without_a_set_a_failure_is_retried_after_5_seconds() {
        let start = Instant::now();
        let mut cache = Cache::default();
        cache.begin(start, Need::Any);
        assert_eq!(cache.settle(start), Err(after(5)));
        assert_eq!(cache.step(start + after(2), Need::Any, false), Step::Unavailable(after(3)));
        assert_eq!(cache.step(start + after(5), Need::Any, false), Step::Fetch);
    }

    #[test]
    fn an_old_set_is_used_only_after_a_failed_fetch() {
        let start = Instant::now();
        let (mut cache, keys) = filled(start, None);
        let old = start + after(300);
        assert_eq!(cache.step(old, Need::Any, false), Step::Fetch);
        cache.begin(old, Need::Any);
        assert_eq!(cache.step(old, Need::Any, true), Step::Wait);
        cache.fail(old, old + after(1));
        assert_eq!(cache.settle(old + after(1)), Ok(keys.clone()));
        assert_eq!(cache.step(old + after(29), Need::Any, false), Step::Use(keys.clone()));
        // The next attempts are in the background, so that nobody waits again.
        let next = old + after(30);
        assert_eq!(cache.step(next, Need::Any, false), Step::UseAndFetch(keys.clone()));
        cache.begin(next, Need::Any);
        assert_eq!(cache.step(next, Need::Any, true), Step::Use(keys));
        // A failure long ago says nothing about now.
        assert_eq!(cache.step(old + after(1) + FAILED, Need::Any, false), Step::Fetch);
    }

    #[test]
    fn an_old_set_is_used_for_one_day_more() {
        let start = Instant::now();
        let (mut cache, keys) = filled(start, None);
        let last = start + SHORTEST + GRACE;
        cache.fail(last - after(40), last - after(39));
        assert_eq!(cache.step(last - after(1), Need::Any, false), Step::UseAndFetch(keys));
        assert_eq!(cache.step(last, Need::Any, false), Step::Fetch);
    }

    #[test]
    fn an_unknown_kid_causes_one_fetch_and_then_none_for_30_seconds() {
        let start = Instant::now();
        let (mut cache, keys) = filled(start, None);
        // Right after an ordinary fetch too: a key may be rotated at any time.
        assert_eq!(cache.step(start, Need::NewerThan(&keys), false), Step::Fetch);
        cache.begin(start, Need::NewerThan(&keys));
        assert_eq!(cache.step(start, Need::NewerThan(&keys), true), Step::Wait);
        cache.succeed(start, KeySet::default(), None);
        let newer = cache.settle(start).unwrap();
        assert_eq!(cache.step(start, Need::NewerThan(&keys), false), Step::Use(newer.clone()));
        let need = Need::NewerThan(&newer);
        assert_eq!(cache.step(start + after(29), need, false), Step::Use(newer.clone()));
        assert_eq!(cache.step(start + after(30), need, false), Step::Fetch);
    }

    #[test]
    fn after_a_slow_failure_the_pause_counts_from_its_end() {
        let start = Instant::now();
        let mut cache = Cache::default();
        cache.begin(start, Need::Any);
        cache.fail(start, start + after(4));
        assert_eq!(cache.step(start + after(5), Need::Any, false), Step::Fetch, "it failed fast");
        cache.fail(start, start + after(10));
        assert_eq!(cache.step(start + after(10), Need::Any, false), Step::Unavailable(RETRY_WITH));
        assert_eq!(cache.step(start + after(40), Need::Any, false), Step::Fetch);
    }

    #[test]
    fn a_failed_fetch_for_an_unknown_kid_cools_down_too_and_keeps_the_set() {
        let start = Instant::now();
        let (mut cache, keys) = filled(start, None);
        cache.begin(start, Need::NewerThan(&keys));
        assert_eq!(cache.settle(start), Ok(keys.clone()));
        assert_eq!(cache.step(start + after(1), Need::NewerThan(&keys), false), Step::Use(keys.clone()));
        assert_eq!(cache.step(start + after(1), Need::Any, false), Step::Use(keys));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        /// Requests of both kinds at random times, fetches that take a random time and often fail.
        #[test]
        fn fetches_are_never_two_at_once_and_never_too_many(
            requests in prop::collection::vec((0..120_u64, any::<bool>(), 0..40_u64, any::<bool>()), 1..60),
        ) {
            let mut now = Instant::now();
            let (mut cache, mut flight) = (Cache::default(), None);
            let (mut forced, mut ordinary): (Vec<Instant>, Vec<Instant>) = (vec![], vec![]);
            for (gap, unknown_kid, takes, works) in requests {
                now += after(gap);
                if let Some((began, ends, works)) = flight && now >= ends {
                    if works {
                        cache.succeed(began, KeySet::default(), None);
                    }
                    flight = None;
                }
                let held = cache.settle(now).ok();
                let need = held.as_ref().filter(|_| unknown_kid).map_or(Need::Any, Need::NewerThan);
                let step = cache.step(now, need, flight.is_some());
                if let Step::Use(_) | Step::UseAndFetch(_) = step {
                    prop_assert!(held.is_some());
                }
                if let Step::Wait = step {
                    prop_assert!(flight.is_some());
                }
                if let Step::Fetch | Step::UseAndFetch(_) = step {
                    prop_assert!(flight.is_none());
                    let of_its_kind = if let Need::Any = need { &mut ordinary } else { &mut forced };
                    of_its_kind.push(now);
                    cache.begin(now, need);
                    flight = Some((now, now + after(takes), works));
                }
            }
            prop_assert!(forced.windows(2).all(|pair| pair[1] - pair[0] >= COOLDOWN));
            prop_assert!(ordinary.windows(2).all(|pair| pair[1] - pair[0] >= RETRY_WITHOUT));
        }
    }
}
