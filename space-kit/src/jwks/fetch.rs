//! Fetches an issuer's documents over HTTP.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ACCEPT, CACHE_CONTROL, HeaderValue};
use hyper::{Request, StatusCode};

use super::error::FetchError;
use super::max_age::max_age;
use crate::jwt::MAX_DOCUMENT;
use crate::outgoing::{Limits, Pool, Url, fetch};

const LIMITS: Limits = Limits { bytes: MAX_DOCUMENT, time: Duration::from_secs(10) };

/// A document as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// At most [`MAX_DOCUMENT`] bytes.
    pub bytes: Bytes,
    /// How long the issuer lets it be kept; `None` if its response does not say.
    pub max_age: Option<Duration>,
}

/// Fetches the document at an address. Only a 200 counts, and redirects are not followed. Tests pass their own.
pub type FetchDocument =
    Box<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<Document, FetchError>> + Send>> + Send + Sync>;

/// Fetches over the connections of a pool.
pub fn fetch_over(pool: Pool) -> FetchDocument {
    Box::new(move |address| {
        let pool = pool.clone();
        Box::pin(async move { document(&pool, address).await })
    })
}

async fn document(pool: &Pool, address: String) -> Result<Document, FetchError> {
    let Some(url) = Url::parse(&address) else { return Err(FetchError::Address(address)) };
    let mut request = Request::new(Bytes::new());
    *request.uri_mut() = url.target.parse().map_err(|_| FetchError::Address(address))?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response = fetch(pool, &url.origin, request, LIMITS).await?;
    if response.status() != StatusCode::OK {
        return Err(FetchError::Status { url: url.to_string(), status: response.status() });
    }
    let max_age = response.headers().get(CACHE_CONTROL).and_then(|value| max_age(value.to_str().ok()?));
    Ok(Document { bytes: response.into_body(), max_age })
}
