//! A circuit breaker: after several failures in a row an upstream gets no requests for a while, and then one
//! probe.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row that open the breaker.
const FAILURES: u32 = 5;
/// How long it stays open before a probe.
const PAUSE: Duration = Duration::from_secs(10);

/// The circuit breaker of one upstream.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<Failures>);

#[derive(Debug, Default)]
struct Failures {
    in_a_row: u32,
    /// While open: when the next probe is allowed.
    retry_at: Option<Instant>,
}

impl Breaker {
    /// Whether a request is allowed now. While the breaker is open, one probe per pause is allowed.
    pub(super) fn allows(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.retry_at {
            Some(at) if now < at => false,
            Some(_) => {
                state.retry_at = Some(now + PAUSE); // this request is the probe
                true
            }
            None => true,
        }
    }

    /// Records whether a request worked. `None` means that it shows nothing; if it was the probe, the next
    /// request may be.
    pub(super) fn record(&self, worked: Option<bool>, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match worked {
            Some(true) => *state = Failures::default(),
            Some(false) => {
                state.in_a_row = state.in_a_row.saturating_add(1);
                if state.in_a_row >= FAILURES {
                    state.retry_at = Some(now + PAUSE);
                }
            }
            None => state.retry_at = state.retry_at.map(|at| at.min(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_it_and_a_probe_closes_it() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES - 1 {
            breaker.record(Some(false), start);
            assert!(breaker.allows(start));
        }
        breaker.record(Some(false), start);
        assert!(!breaker.allows(start + PAUSE / 2));
        let later = start + PAUSE;
        assert!(breaker.allows(later), "the probe");
        assert!(!breaker.allows(later), "only one probe");
        breaker.record(None, later);
        assert!(breaker.allows(later) && !breaker.allows(later), "a probe that shows nothing does not count");
        breaker.record(Some(true), later);
        assert!(breaker.allows(later) && breaker.allows(later));
    }

    #[test]
    fn a_success_resets_the_count() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..20 {
            breaker.record(Some(false), now);
            breaker.record(Some(true), now);
        }
        assert!(breaker.allows(now));
    }
}
