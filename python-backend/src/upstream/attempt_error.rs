//! Why an attempt failed, for failover and for the client.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use space_kit::Error;

use super::address::Upstream;
use super::failover::AttemptErrorKind;
use crate::errors;
use crate::limits::HoldError;
use crate::wire::headers::to_client_with_error;

/// A failed attempt.
pub(super) struct AttemptError {
    /// For failover.
    pub(super) kind: AttemptErrorKind,
    /// For the client, if this is the last attempt.
    pub(super) error: Error,
}

/// An error in a response whose status is a success.
pub(super) fn error_in_success(headers: &HeaderMap, data: &[u8]) -> AttemptError {
    let mut error = errors::upstream::from_event(data);
    error.headers.extend(to_client_with_error(headers));
    AttemptError { kind: rejected(error.status, None, &error), error }
}

/// Upstreams say in two ways that they do not have a model: the Hugging Face router has a code for models that exist
/// but have no provider.
pub(super) fn rejected(status: StatusCode, wait: Option<Duration>, error: &Error) -> AttemptErrorKind {
    match error.code {
        "model_not_found" | "model_not_supported" if status.is_client_error() => AttemptErrorKind::NoModel,
        _ => AttemptErrorKind::Status(status, wait),
    }
}

pub(super) fn broken(cause: impl std::fmt::Display) -> AttemptError {
    let message = "the upstream is unreachable, closed the connection, or sent an unreadable response";
    AttemptError {
        kind: AttemptErrorKind::Broken,
        error: errors::upstream::bad_gateway(message).cause(cause),
    }
}

/// There is no memory for the response now, wherever it comes from.
pub(super) fn not_held(error: HoldError) -> AttemptError {
    AttemptError { kind: AttemptErrorKind::NotHeld, error: error.of_response() }
}

/// A valid response of another kind than requested. Another attempt would return the same, and cost the same
/// again.
pub(super) fn unfit(upstream: &Upstream, message: &'static str) -> AttemptError {
    let error = errors::upstream::bad_gateway(message).cause(format!("{upstream:?}: {message}"));
    AttemptError { kind: AttemptErrorKind::Unfit, error }
}

pub(super) fn silent(upstream: &Upstream) -> AttemptError {
    let error = errors::upstream::timed_out("the upstream did not answer in time");
    AttemptError { kind: AttemptErrorKind::Silent, error: error.cause(format!("{upstream:?} was silent")) }
}
