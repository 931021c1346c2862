//! Requests to a provider: JSON of at most 64 KiB within ten seconds. Redirects are not followed.

use std::time::Duration;

use serde_json::{Map, Value};
use space_kit::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use space_kit::jwt::json;
use space_kit::outgoing::{Limits, Pool, Url, fetch};
use space_kit::{Bytes, Method, Request, StatusCode};

use super::error::{ProviderError, unavailable};

const LIMITS: Limits = Limits { bytes: 64 * 1024, time: Duration::from_secs(10) };

/// Sends a request. Returns the status of the response, and its body if that is a JSON object.
///
/// # Errors
///
/// `Unavailable`. Its cause repeats nothing that was sent or received.
pub(super) async fn send(
    pool: &Pool,
    method: Method,
    address: &str,
    headers: HeaderMap,
    body: String,
) -> Result<(StatusCode, Option<Map<String, Value>>), ProviderError> {
    let invalid = || unavailable("the provider's metadata has an invalid endpoint address");
    let url = Url::parse(address).ok_or_else(invalid)?;
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = url.target.parse().map_err(|_| invalid())?;
    *request.headers_mut() = headers;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response = fetch(pool, &url.origin, request, LIMITS).await.map_err(unavailable)?;
    let is_json =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        });
    let object = is_json.then(|| json::object(response.body())).flatten();
    Ok((response.status(), object))
}
