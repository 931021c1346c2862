//! A request's body, with its limit.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};

use crate::connection::state::ConnectionState;
use crate::service::error::RequestError;
use crate::service::memory::{append, reserve};

/// The most bytes that are reserved for a body because of its `Content-Length`.
const MOST_RESERVED: usize = 1024 * 1024;

/// A request's body, limited to `MAX_BODY_BYTES`.
pub struct RequestBody {
    incoming: Incoming,
    left: usize,
    limit: usize,
    connection: Arc<ConnectionState>,
    /// The number of its request on the connection.
    request: u64,
}

impl RequestBody {
    pub(crate) fn new(
        incoming: Incoming,
        limit: usize,
        connection: Arc<ConnectionState>,
        request: u64,
    ) -> RequestBody {
        connection.set_body_pending(!incoming.is_end_stream());
        RequestBody { incoming, left: limit, limit, connection, request }
    }

    /// The `Content-Length`, in bytes; 0 if there is none.
    pub fn announced(&self) -> usize {
        usize::try_from(self.incoming.size_hint().lower()).unwrap_or(usize::MAX)
    }

    /// The next chunk, or `None` at the end. Trailers are ignored.
    ///
    /// `REQUEST_TIMEOUT` bounds the wait for it only until the response begins. A handler that responds earlier has to
    /// bound the wait itself, or a silent client keeps the request forever.
    ///
    /// # Errors
    ///
    /// If the body exceeds the limit or breaks off.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, RequestError>> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// The complete body.
    ///
    /// # Errors
    ///
    /// If the body exceeds the limit or breaks off, or there is no memory for it.
    pub async fn bytes(mut self) -> Result<Bytes, RequestError> {
        let Some(first) = self.chunk().await.transpose()? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await.transpose()? else { return Ok(first) };
        let expected = self.announced().min(self.left).min(MOST_RESERVED);
        let mut whole = Vec::new();
        reserve(&mut whole, first.len() + second.len() + expected)?;
        append(&mut whole, &first)?;
        append(&mut whole, &second)?;
        while let Some(chunk) = self.chunk().await.transpose()? {
            append(&mut whole, &chunk)?;
        }
        Ok(whole.into())
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, RequestError>>> {
        loop {
            let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
            if let Some(violation) = self.connection.violation(self.request) {
                return Poll::Ready(Some(Err(RequestError::of(violation, self.limit))));
            }
            let Some(frame) = frame else {
                self.connection.set_body_pending(false);
                return Poll::Ready(None);
            };
            let Ok(frame) = frame else { return Poll::Ready(Some(Err(RequestError::BodyBroken))) };
            let Ok(data) = frame.into_data() else { continue };
            let Some(left) = self.left.checked_sub(data.len()) else {
                return Poll::Ready(Some(Err(RequestError::BodyTooLarge(self.limit))));
            };
            self.left = left;
            self.connection.count_received(data.len());
            return Poll::Ready(Some(Ok(data)));
        }
    }
}
