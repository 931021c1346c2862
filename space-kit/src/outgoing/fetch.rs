//! One request and its whole answer, within limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{Request, Response};

use super::error::{BodyError, OutgoingError};
use super::pool::{Pool, PooledBody};
use crate::web::Origin;

/// What one exchange may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest body of an answer, in bytes.
    pub bytes: usize,
    /// From before the connection to the end of the answer.
    pub time: Duration,
}

/// Sends a request as [`Pool::send`] does and gives the whole answer, whatever its status; redirects are not
/// followed. The error is for the log: it names the origin and no header or body.
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

/// A whole body of at most `limit` bytes. The error goes on after the origin's name: "broke off".
pub async fn collect(mut body: PooledBody, limit: usize) -> Result<Bytes, BodyError> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| BodyError::Broken(error.to_string()))?.into_data() else {
            continue;
        };
        if whole.len() + data.len() > limit {
            return Err(BodyError::TooLong(limit));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}
