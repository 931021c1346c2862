//! Counts of attempts by model and outcome, for `/metrics`.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use hyper::StatusCode;

use super::failover::AttemptErrorKind;
use crate::usage::label;

const NAMES: [&str; 12] = [
    "answered",
    "unreachable",
    "broken",
    "silent",
    "asleep",
    "no_model",
    SKIPPED,
    "refused_401",
    "refused_402",
    "refused_429",
    "refused_4xx",
    "refused_5xx",
];

/// Not tried yet, because the circuit breaker is open.
pub(super) const SKIPPED: &str = "skipped";

/// With this many models, a new one is counted as `other`, because callers choose the names.
const MAX_MODELS: usize = 100;

/// The counts of one upstream, by model.
#[derive(Debug, Default)]
pub(super) struct AttemptCounts(Mutex<Vec<(String, [u64; NAMES.len()])>>);

impl AttemptCounts {
    /// Counts one attempt.
    pub(super) fn add(&self, model: &str, outcome: &'static str) {
        let mut model = label(if model.is_empty() { "unknown" } else { model });
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.len() >= MAX_MODELS && !rows.iter().any(|(name, _)| *name == model) {
            "other".clone_into(&mut model);
        }
        let at = rows.iter().position(|(name, _)| *name == model).unwrap_or_else(|| {
            rows.push((model, [0; NAMES.len()]));
            rows.len() - 1
        });
        let name = NAMES.iter().position(|known| *known == outcome);
        if let Some(count) = rows.get_mut(at).zip(name).and_then(|(row, name)| row.1.get_mut(name)) {
            *count += 1;
        }
    }

    /// Appends the rows of the upstream with this name whose count is not zero.
    pub(super) fn render(&self, upstream: &str, out: &mut String) {
        for (model, counts) in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            for (name, count) in NAMES.iter().zip(counts).filter(|(_, count)| **count > 0) {
                _ = writeln!(
                    out,
                    r#"gateway_upstream_tries_total{{upstream="{upstream}",model="{model}",outcome="{name}"}} {count}"#
                );
            }
        }
    }
}

/// The name of an attempt's outcome; `None` is a success.
pub(super) fn outcome(failure: Option<AttemptErrorKind>) -> &'static str {
    match failure {
        None | Some(AttemptErrorKind::NotHeld) => "answered",
        Some(AttemptErrorKind::Unreachable) => "unreachable",
        Some(AttemptErrorKind::Broken | AttemptErrorKind::Unfit) => "broken",
        Some(AttemptErrorKind::Silent) => "silent",
        Some(AttemptErrorKind::NoModel) => "no_model",
        Some(AttemptErrorKind::Asleep(_)) => "asleep",
        Some(AttemptErrorKind::Status(status, _)) => match status {
            StatusCode::UNAUTHORIZED => "refused_401",
            StatusCode::PAYMENT_REQUIRED => "refused_402",
            StatusCode::TOO_MANY_REQUESTS => "refused_429",
            status if status.is_client_error() => "refused_4xx",
            _ => "refused_5xx",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_models_do_not_grow_the_table() {
        let counts = AttemptCounts::default();
        (0..1_000).for_each(|n| counts.add(&format!("m{n}"), SKIPPED));
        let mut text = String::new();
        counts.render("u", &mut text);
        assert_eq!(text.lines().count(), MAX_MODELS + 1);
        let other = r#"gateway_upstream_tries_total{upstream="u",model="other",outcome="skipped"} 900"#;
        assert!(text.contains(other), "{text}");
    }
}
