//! Logs failed sign-ins.

use space_kit::header::HeaderValue;
use space_kit::{Log, Value};

/// Logs why a sign-in failed. The visitor sees only the code.
pub(super) fn log_failure(log: &Log, id: &HeaderValue, code: &str, cause: &str) {
    let id = id.to_str().unwrap_or_default();
    let fields = [("request_id", Value::Str(id)), ("error", Value::Str(code)), ("cause", Value::Str(cause))];
    log.warn("sign-in failed", &fields);
}
