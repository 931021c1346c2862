//! The routes that every service has: `/health*`, `/metrics`, `/openapi.json`.

use std::fmt::Write;
use std::marker::PhantomData;

use hyper::header::{AUTHORIZATION, CACHE_CONTROL, HOST, HeaderValue};
use hyper::{Response, StatusCode};

use crate::observe::readiness::Status;
use crate::service::body::Body;
use crate::service::call::Call;
use crate::service::client;
use crate::service::error::RequestError;
use crate::service::host;
use crate::service::respond;
use crate::service::route::Route;
use crate::service::running::Kit;
use crate::web::constant_time_eq;

/// Holds the table for any state `S`.
pub(crate) struct Probes<S>(PhantomData<S>);

impl<S: Send + Sync + 'static> Probes<S> {
    /// The kit's routes.
    pub(crate) const ROUTES: &'static [Route<S>] = &[
        Route::health("/health"),
        Route::probe("/health/live", |_| status_only(StatusCode::OK, r#"{"status":"ok"}"#).into()),
        Route::probe("/health/ready", |call| ready(&call).into()),
        Route::metrics("/metrics"),
        Route::openapi("/openapi.json"),
    ];
}

/// The response to `/health`. A service that does less than it could is degraded, which is no reason to restart it: the
/// status stays 200.
pub(crate) fn health(kit: &Kit, reasons: &[&str]) -> Response<Body> {
    let status = kit.readiness.status();
    let accepting = status.as_str();
    let (mut word, mut why) = (accepting, String::new());
    if status == Status::Ready && !reasons.is_empty() {
        word = "degraded";
        why = format!(r#""reasons":["{}"],"#, reasons.join(r#"",""#));
    }
    let mut checks = String::new();
    for name in kit.readiness.pending() {
        _ = write!(checks, r#","{name}":"pending""#);
    }
    let restarts = &kit.config.restarts;
    let mut last = String::new();
    if let Some((cause, at)) = restarts.last() {
        _ = write!(last, r#","last":{{"cause":"{}","unix_seconds":{at}}}"#, cause.name());
    }
    // These texts are constants that need no escaping; a `serde_json::Value` would cost ten thousand instructions.
    let body = format!(
        r#"{{"checks":{{"accepting":"{accepting}"{checks}}},{why}"restarts":{{"count":{}{last}}},"service":"{}","status":"{word}","uptime_seconds":{},"version":"{}"}}"#,
        restarts.count(),
        kit.name,
        kit.clock.started.elapsed().as_secs(),
        kit.version,
    );
    let mut response = respond::with(code(status), respond::JSON, body);
    response.headers_mut().insert(CACHE_CONTROL, respond::NO_STORE);
    response
}

fn ready<S>(call: &Call<S>) -> Response<Body> {
    let status = call.kit.readiness.status();
    let body = match status {
        Status::Starting => r#"{"status":"starting"}"#,
        Status::Ready => r#"{"status":"ok"}"#,
        Status::Draining => r#"{"status":"draining"}"#,
    };
    status_only(code(status), body)
}

fn status_only(code: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = respond::with(code, respond::JSON, bytes::Bytes::from_static(body.as_bytes()));
    response.headers_mut().insert(CACHE_CONTROL, respond::NO_STORE);
    response
}

fn code(status: Status) -> StatusCode {
    if status == Status::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

/// Whether the client may read the metrics.
///
/// # Errors
///
/// 401 without the right token if `METRICS_TOKEN` is set; otherwise 404 on a Space and for clients that are not on this
/// machine.
pub(crate) fn may_read_metrics<S>(call: &Call<S>) -> Result<(), RequestError> {
    let given = call.head.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    match &call.kit.config.metrics_token {
        Some(token) => {
            let bearer = given.and_then(|value| value.strip_prefix(b"Bearer "));
            let same = bearer.is_some_and(|bearer| constant_time_eq(bearer, token.as_bytes()));
            if same { Ok(()) } else { Err(RequestError::Unauthorized) }
        }
        None if call.kit.config.on_space || !is_local(call) => Err(RequestError::NotFound),
        None => Ok(()),
    }
}

/// Whether the client is on this machine. A request that a proxy forwarded comes from elsewhere, and a page that calls by
/// another name is not the operator's.
fn is_local<S>(call: &Call<S>) -> bool {
    let is_local_name = call.header(HOST).is_some_and(host::is_loopback);
    is_local_name && call.client.is_loopback() && !client::is_forwarded(&call.head.headers)
}
