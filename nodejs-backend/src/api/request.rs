//! What endpoints ask of a request.

use std::net::IpAddr;
use std::time::{Instant, SystemTime};

use serde_json::{Map, Value};
use space_kit::header::{CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, ORIGIN, RETRY_AFTER};
use space_kit::rate_limit::Bucket;
use space_kit::{Error, RequestBody, StatusCode};

use crate::State;
use crate::cookie;
use crate::cross_site::{self, Refused, Source};
use crate::query::{Fault, Params};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_RETRY_AFTER: HeaderName = HeaderName::from_static("x-retry-after");

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// The cookies of a request, names and values.
pub(super) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    cookie::pairs(headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes))
}

/// Whence the request comes, as it says.
pub(super) fn source(headers: &HeaderMap) -> Source<'_> {
    // A value that is no text is no origin either: it must not count as missing.
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("null"));
    Source {
        content_type: text(&CONTENT_TYPE),
        origin: text(&ORIGIN),
        fetch_site: text(&SEC_FETCH_SITE),
        cookies: headers.contains_key(COOKIE),
    }
}

/// Refuses what a page elsewhere could have sent.
pub(super) fn admit(headers: &HeaderMap, state: &State) -> Result<(), Error> {
    cross_site::admit(source(headers), &state.trusted).map_err(refusal)
}

/// The error of a refusal.
pub(super) fn refusal(refused: Refused) -> Error {
    match refused {
        Refused::ContentType => Error::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "the body must be JSON, with the header Content-Type: application/json",
        ),
        Refused::Origin => Error::new(
            StatusCode::FORBIDDEN,
            "invalid_origin",
            "this site may not sign visitors in here; its operator can list it in TRUSTED_ORIGINS",
        ),
        Refused::NoOrigin => Error::new(
            StatusCode::FORBIDDEN,
            "missing_or_null_origin",
            "a request with cookies must say in Origin from which site it comes",
        ),
    }
}

/// Takes a step of a sign-in out of the address's allowance.
pub(super) fn limit(state: &State, client: IpAddr) -> Result<(), Error> {
    let verdict = state.limiter.take(Bucket::address(client), Instant::now());
    if verdict.admitted {
        return Ok(());
    }
    let seconds = HeaderValue::from(verdict.wait.as_secs().max(1));
    let message = "too many sign-ins from this address; try again in a moment";
    Err(Error::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", message)
        .header(RETRY_AFTER, seconds.clone())
        .header(X_RETRY_AFTER, seconds))
}

/// The body's JSON object. An empty body is an empty object.
pub(super) async fn object(body: RequestBody) -> Result<Map<String, Value>, Error> {
    let bytes = body.bytes().await?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(bad_request("the request's body must be a JSON object")),
        Err(_) => Err(bad_request("the request's body is not valid JSON")),
    }
}

/// A query's or form's pairs.
pub(super) fn params(text: &str) -> Result<Params, Error> {
    Params::parse(text).map_err(|fault| match fault {
        Fault::Repeated => bad_request("a parameter stands there twice"),
        Fault::TooMany => bad_request("there are more than 64 parameters"),
    })
}

pub(super) fn bad_request(message: &'static str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "bad_request", message)
}
