//! The former interface to an issuer's keys, for callers that have not moved to [`KeySource`] yet.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};

use super::error::{FetchError, IssuerError};
use super::fetch::{Document, fetch_over};
use super::key_source::{KeySource, Location};
use crate::jwt::KeySet;
use crate::outgoing::Pool;
use crate::service::error::Error;

/// See [`super::FetchDocument`].
pub type Fetched = Result<(Bytes, Option<Duration>), String>;

/// See [`super::FetchDocument`].
pub type Fetch = Box<dyn Fn(String) -> Pin<Box<dyn Future<Output = Fetched> + Send>> + Send + Sync>;

/// See [`fetch_over`].
pub fn over(pool: Pool) -> Fetch {
    let fetch = fetch_over(pool);
    Box::new(move |address| {
        let fetched = fetch(address);
        Box::pin(async move {
            fetched
                .await
                .map(|document| (document.bytes, document.max_age))
                .map_err(|error| error.to_string())
        })
    })
}

/// See [`KeySource`].
#[derive(Debug)]
pub struct Source(KeySource);

impl Source {
    /// See [`KeySource::new`].
    pub fn new(origin: Location, fetch: Fetch) -> Source {
        let fetch = Box::new(move |address: String| {
            let fetched = fetch(address);
            Box::pin(async move {
                fetched.await.map(|(bytes, max_age)| Document { bytes, max_age }).map_err(FetchError::Other)
            }) as Pin<Box<dyn Future<Output = _> + Send>>
        });
        Source(KeySource::new(origin, fetch))
    }

    /// See [`KeySource::verify`].
    ///
    /// # Errors
    ///
    /// If the issuer's keys are not available.
    pub async fn keys(&self, now: Instant) -> Result<Arc<KeySet>, Error> {
        self.0.keys(now).await.map_err(unavailable)
    }

    /// See [`KeySource::verify`].
    ///
    /// # Errors
    ///
    /// If the issuer's keys are not available.
    pub async fn keys_after(&self, old: &Arc<KeySet>, now: Instant) -> Result<Arc<KeySet>, Error> {
        self.0.keys_after(old, now).await.map_err(unavailable)
    }
}

fn unavailable(error: IssuerError) -> Error {
    let seconds = error.retry_after.as_secs_f64().ceil().clamp(1.0, 60.0) as u64;
    let message = "the token cannot be checked: its issuer's keys are out of reach; try again later";
    Error::new(StatusCode::BAD_GATEWAY, "jwks_unavailable", message)
        .header(RETRY_AFTER, HeaderValue::from(seconds))
        .cause(format_args!("JWKS: {error}"))
}
