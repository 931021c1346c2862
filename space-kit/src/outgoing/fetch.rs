//! One request and its complete response, within limits.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{Request, Response};

use super::error::{BodyError, OutgoingError};
use super::pool::{Pool, PooledBody};
use crate::service::memory::append;
use crate::web::Origin;

/// The limits of one request.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest body of the response, in bytes.
    pub bytes: usize,
    /// The time from before the connection to the end of the response.
    pub time: Duration,
}

/// Sends a request as [`Pool::send`] does, and returns the complete response with any status. Redirects are not followed.
///
/// # Errors
///
/// If there is no complete response within the limits.
pub async fn fetch(
    pool: &Pool,
    origin: &Origin,
    request: Request<Bytes>,
    limits: Limits,
) -> Result<Response<Bytes>, OutgoingError> {
    let exchange = async {
        let response = pool.send(origin, &|| request.clone()).await?;
        let (head, body) = response.into_parts();
        let body = collect(body, limits.bytes)
            .await
            .map_err(|error| OutgoingError::Body { origin: origin.to_string(), error })?;
        Ok(Response::from_parts(head, body))
    };
    let within = tokio::time::timeout(limits.time, exchange).await;
    within.unwrap_or_else(|_| Err(OutgoingError::Timeout { origin: origin.to_string(), after: limits.time }))
}

/// A complete body of at most `limit` bytes.
///
/// # Errors
///
/// If the body breaks off or is longer, or there is no memory for it.
pub async fn collect(mut body: PooledBody, limit: usize) -> Result<Bytes, BodyError> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| BodyError::Broken(error.to_string()))?.into_data() else {
            continue;
        };
        if whole.len() + data.len() > limit {
            return Err(BodyError::TooLong(limit));
        }
        append(&mut whole, &data).map_err(|_| BodyError::OutOfMemory)?;
    }
    Ok(whole.into())
}
