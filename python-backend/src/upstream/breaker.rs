//! A circuit breaker: after several failures in a row, requests avoid an upstream for a while, except for one
//! probe. It counts each model's failures separately, because one model may fail while the others work.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures in a row that open the breaker.
const FAILURES: u32 = 5;
/// How long it stays open before a probe.
const PAUSE: Duration = Duration::from_secs(10);
/// How long an upstream without the model comes last.
const MISSING: Duration = Duration::from_secs(600);
/// The most models with failures that are remembered, because callers choose the names.
const MAX_MODELS: usize = 64;

/// What an attempt shows about an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Works,
    /// This model fails.
    ModelFails,
    /// It does not have this model.
    ModelMissing,
    /// Every model fails.
    UpstreamFails,
    Unknown,
}

/// The circuit breaker of one upstream.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    upstream: Failures,
    /// The models that failed last.
    models: Vec<(String, Failures)>,
}

#[derive(Debug, Default)]
struct Failures {
    in_a_row: u32,
    /// While open: when the next probe is allowed.
    retry_at: Option<Instant>,
}

impl Breaker {
    /// Whether a request for this model is allowed now. While the breaker is open, one probe per pause is
    /// allowed.
    pub(super) fn allows(&self, model: &str, now: Instant) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.counts(model).any(|failures| failures.retry_at.is_some_and(|at| now < at)) {
            return false;
        }
        // If the breaker is open, this request is the probe.
        state.counts(model).for_each(|failures| failures.retry_at = failures.retry_at.map(|_| now + PAUSE));
        true
    }

    /// Whether it is open for some model, and no probe has worked since.
    pub(super) fn is_open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_open()
    }

    /// Records what a request for this model showed. After a probe that shows nothing, the next request may be
    /// one. Returns whether [`Breaker::is_open`] became true or false, and `None` if it is as before.
    pub(super) fn record(&self, model: &str, health: Health, now: Instant) -> Option<bool> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let was_open = state.is_open();
        match health {
            Health::Works => {
                state.upstream = Failures::default();
                state.models.retain(|(name, _)| name != model);
            }
            Health::UpstreamFails => state.upstream.add(now),
            Health::ModelFails | Health::ModelMissing => {
                if !state.models.iter().any(|(name, _)| name == model) {
                    if state.models.len() >= MAX_MODELS {
                        // Callers invent missing models, so those go first; otherwise the one that has failed for
                        // the longest time.
                        let missing = state.models.iter().position(|(_, failures)| failures.in_a_row == 0);
                        state.models.remove(missing.unwrap_or(0));
                    }
                    state.models.push((model.to_owned(), Failures::default()));
                }
                let failures = state.counts(model).skip(1);
                match health {
                    Health::ModelMissing => failures.for_each(|one| one.retry_at = Some(now + MISSING)),
                    _ => failures.for_each(|one| one.add(now)),
                }
            }
            Health::Unknown => {
                let counts = state.counts(model);
                counts.for_each(|failures| failures.retry_at = failures.retry_at.map(|at| at.min(now)));
            }
        }
        Some(state.is_open()).filter(|is_open| *is_open != was_open)
    }
}

impl State {
    fn is_open(&self) -> bool {
        let models = self.models.iter().map(|(_, failures)| failures);
        models.chain([&self.upstream]).any(|failures| failures.in_a_row >= FAILURES)
    }

    /// The failures of the upstream, and those of this model if it has any.
    fn counts(&mut self, model: &str) -> impl Iterator<Item = &mut Failures> {
        let of_model = self.models.iter_mut().find(|(name, _)| name == model);
        std::iter::once(&mut self.upstream).chain(of_model.map(|(_, failures)| failures))
    }
}

impl Failures {
    fn add(&mut self, now: Instant) {
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.in_a_row >= FAILURES {
            self.retry_at = Some(now + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_it_and_a_probe_closes_it() {
        for failure in [Health::ModelFails, Health::UpstreamFails] {
            let (breaker, start) = (Breaker::default(), Instant::now());
            for _ in 0..FAILURES - 1 {
                assert_eq!(breaker.record("m", failure, start), None);
                assert!(breaker.allows("m", start));
            }
            assert!(!breaker.is_open());
            assert_eq!(breaker.record("m", failure, start), Some(true));
            assert!(!breaker.allows("m", start + PAUSE / 2) && breaker.is_open());
            let later = start + PAUSE;
            assert!(breaker.allows("m", later), "the probe");
            assert!(!breaker.allows("m", later), "only one probe");
            assert_eq!(breaker.record("m", Health::Unknown, later), None);
            assert!(breaker.allows("m", later), "a probe that shows nothing does not count");
            assert!(!breaker.allows("m", later));
            assert_eq!(breaker.record("m", Health::Works, later), Some(false));
            assert!(breaker.allows("m", later) && breaker.allows("m", later) && !breaker.is_open());
        }
    }

    #[test]
    fn a_model_that_fails_does_not_affect_the_others_and_an_upstream_that_fails_does() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        (0..FAILURES).for_each(|_| _ = breaker.record("broken", Health::ModelFails, now));
        assert!(!breaker.allows("broken", now) && breaker.allows("good", now) && breaker.allows("", now));
        breaker.record("good", Health::Works, now);
        assert!(!breaker.allows("broken", now), "another model's success does not close it");
        (0..FAILURES).for_each(|_| _ = breaker.record("good", Health::UpstreamFails, now));
        assert!(!breaker.allows("good", now) && !breaker.allows("", now));
    }

    #[test]
    fn a_model_that_is_missing_comes_last_for_a_while() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        breaker.record("m", Health::ModelMissing, now);
        assert!(!breaker.allows("m", now + MISSING / 2) && breaker.allows("other", now));
        assert!(!breaker.is_open(), "the upstream works");
        assert!(breaker.allows("m", now + MISSING) && !breaker.allows("m", now + MISSING), "one probe");
    }

    #[test]
    fn invented_models_do_not_close_the_breaker_of_one_that_fails() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        (0..FAILURES).for_each(|_| _ = breaker.record("broken", Health::ModelFails, now));
        (0..1_000).for_each(|n| _ = breaker.record(&format!("m{n}"), Health::ModelMissing, now));
        assert!(!breaker.allows("broken", now) && !breaker.allows("m999", now));
        assert_eq!(breaker.0.lock().unwrap().models.len(), MAX_MODELS);
    }

    #[test]
    fn a_success_resets_the_count() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..20 {
            breaker.record("m", Health::ModelFails, now);
            breaker.record("m", Health::Works, now);
        }
        assert!(breaker.allows("m", now));
    }

    #[test]
    fn invented_models_do_not_grow_the_table() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        (0..1_000).for_each(|n| _ = breaker.record(&format!("m{n}"), Health::ModelFails, now));
        assert_eq!(breaker.0.lock().unwrap().models.len(), MAX_MODELS);
    }
}
