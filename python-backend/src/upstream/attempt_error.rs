//! Why an attempt failed.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use space_kit::Error;

use super::address::Upstream;
use super::failover::AttemptErrorKind;
use crate::errors;
use crate::limits::HoldError;
use crate::wire::chat_body::OPTIONAL;
use crate::wire::headers::to_client_with_error;

/// A failed attempt.
pub(super) struct AttemptError {
    /// For failover.
    pub(super) kind: AttemptErrorKind,
    /// For the client, if this is the last attempt.
    pub(super) error: Error,
}

/// The `OPTIONAL` members that an upstream rejects, as bits. Only these statuses count, because an error of another
/// kind may repeat a client's text.
pub(super) fn named_members(error: &Error) -> u8 {
    if !matches!(error.status, StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY) {
        return 0;
    }
    let has =
        |name: &str| error.message.contains(name) || error.param.as_deref().is_some_and(|p| p.contains(name));
    let bit = |(at, name): (usize, &&str)| u8::from(has(name)) << at;
    OPTIONAL.iter().enumerate().map(bit).sum::<u8>() | u8::from(has("include_usage"))
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

/// There is no memory for the response now, wherever it comes from.
pub(super) fn not_held(error: HoldError) -> AttemptError {
    AttemptError { kind: AttemptErrorKind::NotHeld, error: error.of_response() }
}

pub(super) fn broken(cause: impl std::fmt::Display) -> AttemptError {
    let message = "the upstream is unreachable, closed the connection, or sent an unreadable response";
    AttemptError {
        kind: AttemptErrorKind::Broken,
        error: errors::upstream::bad_gateway(message).cause(cause),
    }
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

/// Whether an error says when to try again.
pub(super) fn has_retry_after(error: &Error) -> bool {
    error.headers.iter().any(|(name, _)| name == RETRY_AFTER)
}

/// Whether an error has a header with this value.
pub(super) fn has_header(error: &Error, wanted: &HeaderName, text: &str) -> bool {
    error.headers.iter().any(|(name, value)| name == wanted && value == text)
}

/// Seconds until a client should retry when no upstream was tried.
const RETRY_SECONDS: &str = "5";

/// The error if no upstream was tried.
pub(super) fn unavailable() -> Error {
    let error =
        Error::new(StatusCode::BAD_GATEWAY, "upstream_unavailable", "no upstream could be tried in time");
    error.header(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS))
}
