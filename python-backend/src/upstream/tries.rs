//! Counts of what became of the tries, for `/metrics`.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hyper::StatusCode;

use super::plan::Outcome;

const NAMES: [&str; 10] = [
    "answered",
    "broken",
    "silent",
    "asleep",
    "skipped",
    "refused_401",
    "refused_402",
    "refused_429",
    "refused_4xx",
    "refused_5xx",
];

/// The counts of one upstream.
#[derive(Debug, Default)]
pub(super) struct Tries([AtomicU64; NAMES.len()]);

impl Tries {
    /// Counts one try; `None` is an answer.
    pub(super) fn count(&self, failure: Option<Outcome>) {
        let name = match failure {
            None => "answered",
            Some(Outcome::Broken | Outcome::Unfit) => "broken",
            Some(Outcome::Silent) => "silent",
            Some(Outcome::Asleep(_)) => "asleep",
            Some(Outcome::Skipped) => "skipped",
            Some(Outcome::Refused(StatusCode::UNAUTHORIZED, _)) => "refused_401",
            Some(Outcome::Refused(StatusCode::PAYMENT_REQUIRED, _)) => "refused_402",
            Some(Outcome::Refused(StatusCode::TOO_MANY_REQUESTS, _)) => "refused_429",
            Some(Outcome::Refused(status, _)) if status.is_client_error() => "refused_4xx",
            Some(Outcome::Refused(..)) => "refused_5xx",
        };
        let at = NAMES.iter().position(|known| *known == name);
        if let Some(count) = at.and_then(|at| self.0.get(at)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Appends the rows of the upstream with this name, those that are not zero.
    pub(super) fn render(&self, upstream: &str, out: &mut String) {
        for (name, count) in NAMES.iter().zip(&self.0) {
            let count = count.load(Relaxed);
            if count > 0 {
                _ = writeln!(
                    out,
                    r#"gateway_upstream_tries_total{{upstream="{upstream}",outcome="{name}"}} {count}"#
                );
            }
        }
    }
}
