//! One request and its whole answer, within limits.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{Request, Response};

use super::{Origin, Pool, PooledBody};

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
) -> Result<Response<Bytes>, String> {
    let exchange = async {
        let response = pool.send(origin, &|| request.clone()).await?;
        let (head, body) = response.into_parts();
        let body = collect(body, limits.bytes).await.map_err(|problem| format!("{origin} {problem}"))?;
        Ok(Response::from_parts(head, body))
    };
    let within = tokio::time::timeout(limits.time, exchange).await;
    within.unwrap_or_else(|_| Err(format!("{origin} did not answer within {:?}", limits.time)))
}

/// A whole body of at most `limit` bytes. The error goes on after the origin's name: "broke off".
pub async fn collect(mut body: PooledBody, limit: usize) -> Result<Bytes, String> {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|error| format!("broke off: {error}"))?.into_data() else { continue };
        if whole.len() + data.len() > limit {
            return Err(format!("answered more than {limit} bytes"));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}
