//! Logs what fails between this service and a provider.

use space_kit::header::HeaderValue;
use space_kit::{Log, Value};

/// Logs why something failed. The visitor sees only the code.
pub(super) fn log_failure(log: &Log, what: &str, id: &HeaderValue, code: &str, cause: &str) {
    let id = id.to_str().unwrap_or_default();
    let fields = [("request_id", Value::Str(id)), ("error", Value::Str(code)), ("cause", Value::Str(cause))];
    log.warn(what, &fields);
}
