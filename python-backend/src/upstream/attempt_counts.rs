//! Counts of attempts by model and outcome, for `/metrics`.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use hyper::StatusCode;
use space_kit::metrics::StatusCounts;

use super::failover::AttemptErrorKind;
use crate::usage::label;

const NAMES: [&str; 7] = [ANSWERED, "unreachable", "broken", "silent", "asleep", "no_model", "skipped"];
const ANSWERED: &str = "answered";

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// One of `NAMES`.
    Named(&'static str),
    /// An error status.
    Refused(StatusCode),
}

/// Not tried yet, because the circuit breaker is open.
pub(super) const SKIPPED: Outcome = Outcome::Named("skipped");

/// With this many models, a new one is counted as `other`.
const MAX_MODELS: usize = 100;

/// The counts of one upstream, by model. A model has its own row once the upstream has answered a request for it. Until
/// then it is counted as `other`, because callers choose the names.
#[derive(Debug, Default)]
pub(super) struct AttemptCounts(Mutex<Vec<Row>>);

#[derive(Debug)]
struct Row {
    model: String,
    named: [u64; NAMES.len()],
    refused: StatusCounts,
}

impl AttemptCounts {
    /// Counts one attempt.
    pub(super) fn add(&self, model: &str, outcome: Outcome) {
        let mut model = label(if model.is_empty() { "unknown" } else { model });
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = outcome != Outcome::Named(ANSWERED) || rows.len() >= MAX_MODELS;
        if is_new && !rows.iter().any(|row| row.model == model) {
            "other".clone_into(&mut model);
        }
        let at = rows.iter().position(|row| row.model == model).unwrap_or_else(|| {
            rows.push(Row { model, named: [0; NAMES.len()], refused: StatusCounts::default() });
            rows.len() - 1
        });
        let Some(row) = rows.get_mut(at) else { return };
        match outcome {
            Outcome::Refused(status) => row.refused.add(status),
            Outcome::Named(name) => {
                let counts = NAMES.iter().zip(&mut row.named).find(|(known, _)| **known == name);
                counts.into_iter().for_each(|(_, count)| *count += 1);
            }
        }
    }

    /// Appends the rows of the upstream with this name whose count is not zero.
    pub(super) fn render(&self, upstream: &str, out: &mut String) {
        let metric = "gateway_upstream_tries_total";
        for Row { model, named, refused } in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let labels = format!(r#"upstream="{upstream}",model="{model}",outcome="#);
            for (name, count) in NAMES.iter().zip(named).filter(|(_, count)| **count > 0) {
                _ = writeln!(out, r#"{metric}{{{labels}"{name}"}} {count}"#);
            }
            refused.render(metric, &(labels + r#""refused""#), out);
        }
    }
}

/// The outcome of an attempt; no failure is a success.
pub(super) fn outcome(failure: Option<AttemptErrorKind>) -> Outcome {
    Outcome::Named(match failure {
        None | Some(AttemptErrorKind::NotHeld) => ANSWERED,
        Some(AttemptErrorKind::Unreachable) => "unreachable",
        Some(AttemptErrorKind::Broken | AttemptErrorKind::Unfit) => "broken",
        Some(AttemptErrorKind::Silent) => "silent",
        Some(AttemptErrorKind::NoModel) => "no_model",
        Some(AttemptErrorKind::Asleep(_)) => "asleep",
        Some(AttemptErrorKind::Status(status, _)) => return Outcome::Refused(status),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(counts: &AttemptCounts) -> String {
        let mut text = String::new();
        counts.render("u", &mut text);
        text
    }

    #[test]
    fn answered_models_do_not_grow_the_table() {
        let counts = AttemptCounts::default();
        (0..1_000).for_each(|n| counts.add(&format!("m{n}"), Outcome::Named(ANSWERED)));
        let text = render(&counts);
        assert_eq!(text.lines().count(), MAX_MODELS + 1);
        let other = r#"gateway_upstream_tries_total{upstream="u",model="other",outcome="answered"} 900"#;
        assert!(text.contains(other), "{text}");
    }

    #[test]
    fn a_model_that_no_upstream_answered_is_not_named() {
        let counts = AttemptCounts::default();
        let refused = Outcome::Refused(StatusCode::NOT_FOUND);
        for outcome in [SKIPPED, refused, Outcome::Named("no_model")] {
            counts.add("<script>", outcome);
        }
        assert!(!render(&counts).contains("script"), "{}", render(&counts));
        counts.add("m", Outcome::Named(ANSWERED));
        counts.add("m", refused);
        let named = r#"gateway_upstream_tries_total{upstream="u",model="m",outcome="refused",code="404"} 1"#;
        assert!(render(&counts).contains(named), "{}", render(&counts));
    }
}
