//! Checks and parsers that several endpoints apply to a request.

use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use serde_json::{Map, Value};
use space_kit::header::{HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use space_kit::rate_limit::Bucket;
use space_kit::web::unix_seconds;
use space_kit::{Call, Error, RequestBody, StatusCode};

use crate::State;
use crate::web::cross_site::{self, CrossSiteError, Source};
use crate::web::navigation;
use crate::web::query::{Params, QueryError};

const X_RETRY_AFTER: HeaderName = HeaderName::from_static("x-retry-after");

/// The current time by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) instant: Instant,
    /// Unix time in seconds.
    pub(super) unix: u64,
}

/// Reads both clocks. Only endpoints do so; the code that they call takes the time as an argument.
pub(super) fn now() -> Now {
    Now { instant: Instant::now(), unix: unix_seconds(SystemTime::now()) }
}

/// The same address on the service's own host, if the request came to another host name.
pub(super) fn address_on_own_host(call: &Call<State>) -> Option<String> {
    let target = call.head.uri.path_and_query()?.as_str();
    navigation::address_on_own_host(call.header(HOST)?, target, &call.state.trusted)
}

/// Rejects a POST that is not JSON or that comes from an untrusted site.
///
/// # Errors
///
/// See [`cross_site_error`].
pub(super) fn require_trusted_json(headers: &HeaderMap, state: &State) -> Result<(), Error> {
    cross_site::check_json(Source::of_request(headers), &state.trusted).map_err(cross_site_error)
}

/// 415 for a body that is not JSON, 403 for an untrusted or missing origin.
pub(super) fn cross_site_error(error: CrossSiteError) -> Error {
    match error {
        CrossSiteError::ContentType => Error::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "the body must be JSON, with the header Content-Type: application/json",
        ),
        CrossSiteError::UntrustedOrigin => Error::new(
            StatusCode::FORBIDDEN,
            "invalid_origin",
            "this site is not allowed to sign visitors in here; the operator can add it to TRUSTED_ORIGINS",
        ),
        CrossSiteError::MissingOrigin => Error::new(
            StatusCode::FORBIDDEN,
            "missing_or_null_origin",
            "a request with cookies must have an Origin header that names its site",
        ),
    }
}

/// Counts one step of a sign-in against the client's address (`SIGN_IN_RATE`).
///
/// # Errors
///
/// 429 with `Retry-After` if the address has no steps left.
pub(super) fn rate_limit(state: &State, client: IpAddr, now: Instant) -> Result<(), Error> {
    let verdict = state.limiter.take(Bucket::address(client), now);
    if verdict.admitted {
        return Ok(());
    }
    let seconds = HeaderValue::from(verdict.wait.as_secs().max(1));
    let message = "too many sign-ins from this address; wait a moment, then try again";
    Err(Error::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
        .header(RETRY_AFTER, seconds.clone())
        .header(X_RETRY_AFTER, seconds))
}

/// The JSON object of a request body. An empty body is an empty object.
///
/// # Errors
///
/// 400 if the body is not a JSON object, or the error of reading it.
pub(super) async fn object(body: RequestBody) -> Result<Map<String, Value>, Error> {
    let bytes = body.bytes().await?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(bad_request("the request body must be a JSON object")),
        Err(_) => Err(bad_request("the request body is not valid JSON")),
    }
}

/// The pairs of a query or form.
///
/// # Errors
///
/// 400 if a name is repeated, or if there are more than 64 pairs.
pub(super) fn params(text: &str) -> Result<Params, Error> {
    Params::parse(text).map_err(|error| match error {
        QueryError::Repeated => bad_request("a parameter appears twice"),
        QueryError::TooMany => bad_request("there are more than 64 parameters"),
    })
}

/// 400 with this message.
pub(super) fn bad_request(message: &'static str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "bad_request", message)
}
