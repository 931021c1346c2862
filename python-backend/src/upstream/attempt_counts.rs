//! Counts of attempts by outcome, for `/metrics`.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hyper::StatusCode;

use super::failover::AttemptErrorKind;

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
pub(super) struct AttemptCounts([AtomicU64; NAMES.len()]);

impl AttemptCounts {
    /// Counts one attempt; `None` is a success.
    pub(super) fn add(&self, failure: Option<AttemptErrorKind>) {
        let name = match failure {
            None => "answered",
            Some(AttemptErrorKind::Unreachable | AttemptErrorKind::Broken | AttemptErrorKind::Unfit) => {
                "broken"
            }
            Some(AttemptErrorKind::Silent) => "silent",
            Some(AttemptErrorKind::Asleep(_)) => "asleep",
            Some(AttemptErrorKind::Skipped) => "skipped",
            Some(AttemptErrorKind::Status(StatusCode::UNAUTHORIZED, _)) => "refused_401",
            Some(AttemptErrorKind::Status(StatusCode::PAYMENT_REQUIRED, _)) => "refused_402",
            Some(AttemptErrorKind::Status(StatusCode::TOO_MANY_REQUESTS, _)) => "refused_429",
            Some(AttemptErrorKind::Status(status, _)) if status.is_client_error() => "refused_4xx",
            Some(AttemptErrorKind::Status(..)) => "refused_5xx",
        };
        let at = NAMES.iter().position(|known| *known == name);
        if let Some(count) = at.and_then(|at| self.0.get(at)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Appends the rows of the upstream with this name whose count is not zero.
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
