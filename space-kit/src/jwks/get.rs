//! An issuer's documents over HTTP.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ACCEPT, CACHE_CONTROL, HeaderValue};
use hyper::{Request, StatusCode};

use super::max_age::max_age;
use super::{Fetch, Fetched, MAX_DOCUMENT};
use crate::outgoing::{Limits, Pool, Url, fetch};

const LIMITS: Limits = Limits { bytes: MAX_DOCUMENT, time: Duration::from_secs(10) };

/// Fetches over the connections of a pool.
pub fn over(pool: Pool) -> Fetch {
    Box::new(move |address| {
        let pool = pool.clone();
        Box::pin(async move { document(&pool, &address).await })
    })
}

async fn document(pool: &Pool, address: &str) -> Fetched {
    let url = Url::parse(address).ok_or_else(|| format!("{address:?} is no http or https address"))?;
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url.target.parse().map_err(|_| format!("{address:?} has no valid path"))?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response = fetch(pool, &url.origin, request, LIMITS).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("{url} answered {}", response.status()));
    }
    let age = response.headers().get(CACHE_CONTROL).and_then(|value| max_age(value.to_str().ok()?));
    Ok((response.into_body(), age))
}
