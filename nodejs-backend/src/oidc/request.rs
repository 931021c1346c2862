//! One request to the provider: JSON in at most 64 KiB within ten seconds, and no redirect followed.

use std::time::Duration;

use serde_json::{Map, Value};
use space_kit::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use space_kit::jwt::json;
use space_kit::outgoing::{Limits, Pool, Url, fetch};
use space_kit::{Bytes, Method, Request, StatusCode};

const LIMITS: Limits = Limits { bytes: 64 * 1024, time: Duration::from_secs(10) };

/// Sends a request. The answer is its status and its JSON object, if it is one. The error is for the log, and
/// repeats nothing that was sent or received.
pub(super) async fn send(
    pool: &Pool,
    method: Method,
    address: &str,
    headers: HeaderMap,
    body: String,
) -> Result<(StatusCode, Option<Map<String, Value>>), String> {
    let url = Url::parse(address).ok_or("the provider's metadata have an address that is none")?;
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = method;
    *request.uri_mut() =
        url.target.parse().map_err(|_| "the provider's metadata have an address without a path")?;
    *request.headers_mut() = headers;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response = fetch(pool, &url.origin, request, LIMITS).await?;
    let is_json =
        response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| {
            value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
        });
    let object = is_json.then(|| json::object(response.body())).flatten();
    Ok((response.status(), object))
}
