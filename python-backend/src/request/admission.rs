//! Admission: who a request is from, and whether it is within the rate limit.

use std::hash::BuildHasher;

use space_kit::header::{ACCEPT_ENCODING, CONTENT_ENCODING, UPGRADE};
use space_kit::{Call, Error, HandlerResult, HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::access::{Caller, Credentials};
use crate::limits::rate_headers;
use crate::state::State;

/// An admitted caller, with the headers of the rate limit for the response.
pub(crate) struct Admitted {
    pub(crate) caller: Caller,
    /// Identifies the caller in budgets.
    pub(crate) id: u64,
    rate_headers: Vec<(HeaderName, HeaderValue)>,
}

impl Admitted {
    /// The response or the error, with the headers of the rate limit. The error says for the log who the caller is.
    pub(crate) fn with_rate_headers(self, mut result: HandlerResult) -> HandlerResult {
        if let Err(error) = &mut result {
            error.caller = Some(self.caller.label);
        }
        for (name, value) in self.rate_headers {
            match &mut result {
                Ok(response) => _ = response.headers_mut().insert(name, value),
                Err(error) => {
                    // The gateway's limit replaces the upstream's, as in a response.
                    error.headers.retain(|(set, _)| *set != name);
                    error.headers.push((name, value));
                }
            }
        }
        result
    }
}

/// Identifies the caller and counts the request. It waits only if an issuer's keys must be fetched first.
///
/// # Errors
///
/// 401 or 403 if the caller may not use the service, 429 if the caller is over the rate limit, and the error
/// of the fetch if the issuer's keys are unavailable.
pub(crate) async fn admit(call: &Call<State>) -> Result<Admitted, Error> {
    let now = call.state.clock.now();
    let caller =
        call.state.access.authenticate(&Credentials::of(&call.head.headers), call.client, now).await?;
    count(call, caller)
}

/// Admits an anonymous caller to the demo model, while access is not configured.
///
/// # Errors
///
/// 429 if the caller is over the rate limit.
pub(crate) fn admit_to_demo(call: &Call<State>) -> Result<Admitted, Error> {
    count(call, Caller::anonymous())
}

fn count(call: &Call<State>, caller: Caller) -> Result<Admitted, Error> {
    let bucket = caller.bucket(call.client);
    let id = call.state.limits.hasher.hash_one(bucket);
    let Some(limiter) = &call.state.limiter else {
        check_form(&call.head.headers)?;
        return Ok(Admitted { caller, id, rate_headers: Vec::new() });
    };
    let verdict = limiter.take(bucket, call.state.clock.instant());
    if !verdict.admitted {
        let mut error = rate_headers::rejected(&verdict);
        error.caller = Some(caller.label);
        return Err(error);
    }
    check_form(&call.head.headers)?;
    Ok(Admitted { caller, id, rate_headers: rate_headers::headers(&verdict).into() })
}

/// Rejects what the gateway cannot forward: compressed bodies, because it reads the model in them, and WebSockets,
/// which would look like a plain GET to the upstream.
fn check_form(headers: &HeaderMap) -> Result<(), Error> {
    let is = |value: &HeaderValue, text: &str| value.as_bytes().eq_ignore_ascii_case(text.as_bytes());
    if headers.get_all(CONTENT_ENCODING).iter().any(|coding| !is(coding, "identity")) {
        let message = "the request body is compressed (content-encoding): send it uncompressed";
        let error = Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message);
        return Err(error.header(ACCEPT_ENCODING, HeaderValue::from_static("identity")));
    }
    if headers.get(UPGRADE).is_some_and(|protocol| is(protocol, "websocket")) {
        let message =
            "WebSockets are not supported here: send the request over HTTP, with \"stream\": true for events";
        return Err(Error::new(StatusCode::UPGRADE_REQUIRED, "websocket_not_supported", message));
    }
    Ok(())
}
