//! A circuit breaker: an upstream that failed several times in a row is left alone for a while, then tried
//! by one request.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row that open the breaker.
const FAILURES: u32 = 5;
/// How long it stays open.
const PAUSE: Duration = Duration::from_secs(10);

/// The state of one upstream.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// While open: when the next request may try.
    retry_at: Option<Instant>,
}

impl Breaker {
    /// Whether a request may go there now. While the breaker is open, one a pause may.
    pub(crate) fn admits(&self, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.retry_at {
            Some(at) if now < at => false,
            Some(_) => {
                state.retry_at = Some(now + PAUSE); // this one is the probe
                true
            }
            None => true,
        }
    }

    /// Notes how a request went; `None`: it says nothing, and if it was the probe, the next one may be.
    pub(crate) fn note(&self, worked: Option<bool>, now: Instant) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match worked {
            Some(true) => *state = State::default(),
            Some(false) => {
                state.failures = state.failures.saturating_add(1);
                if state.failures >= FAILURES {
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
    fn failures_in_a_row_open_it_and_one_probe_closes_it() {
        let (breaker, start) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES - 1 {
            breaker.note(Some(false), start);
            assert!(breaker.admits(start));
        }
        breaker.note(Some(false), start);
        assert!(!breaker.admits(start + PAUSE / 2));
        let later = start + PAUSE;
        assert!(breaker.admits(later), "the probe");
        assert!(!breaker.admits(later), "one probe, no more");
        breaker.note(None, later);
        assert!(breaker.admits(later) && !breaker.admits(later), "a probe that says nothing is none");
        breaker.note(Some(true), later);
        assert!(breaker.admits(later) && breaker.admits(later));
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..20 {
            breaker.note(Some(false), now);
            breaker.note(Some(true), now);
        }
        assert!(breaker.admits(now));
    }
}
