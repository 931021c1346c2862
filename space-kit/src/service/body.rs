//! Response bodies: complete ones, and ones that are written while they are sent.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

/// Any error that ends a body early.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A response's body.
pub struct Body(Kind);

enum Kind {
    Whole(Bytes),
    Stream(Pin<Box<dyn HttpBody<Data = Bytes, Error = BoxError> + Send>>),
}

impl Body {
    /// No body.
    pub fn empty() -> Body {
        Body(Kind::Whole(Bytes::new()))
    }

    /// A body that forwards another one frame by frame.
    pub fn stream(body: impl HttpBody<Data = Bytes, Error = BoxError> + Send + 'static) -> Body {
        Body(Kind::Stream(Box::pin(body)))
    }

    /// A body that `produce` writes chunk by chunk. It runs only as fast as the client reads, and is dropped at its
    /// current await when the client disconnects. An error aborts the connection, so that a truncated response never
    /// looks complete.
    pub fn produce<F>(produce: impl FnOnce(Sender) -> F) -> Body
    where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let slot = Sender::default();
        let producer =
            Producer { slot: Sender(slot.0.clone()), future: Some(Box::pin(produce(slot))), failed: None };
        Body(Kind::Stream(Box::pin(producer)))
    }
}

impl<T: Into<Bytes>> From<T> for Body {
    fn from(bytes: T) -> Body {
        Body(Kind::Whole(bytes.into()))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Stream(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Stream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(body) => body.size_hint(),
        }
    }
}

/// Sends the chunks of [`Body::produce`].
#[derive(Default)]
pub struct Sender(Arc<Mutex<Bytes>>);

impl Sender {
    /// Sends one chunk and waits until the connection has taken it. An empty chunk is ignored.
    pub async fn send(&mut self, chunk: impl Into<Bytes>) {
        *self.lock() = chunk.into();
        // The body polls this again only after it took the chunk, so no waker is needed.
        poll_fn(|_| if self.lock().is_empty() { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Produced = dyn Future<Output = Result<(), BoxError>> + Send;

struct Producer {
    slot: Sender,
    future: Option<Pin<Box<Produced>>>,
    /// An error that is held back until the chunk before it is taken.
    failed: Option<BoxError>,
}

impl HttpBody for Producer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(future) = &mut self.future
            && let Poll::Ready(outcome) = future.as_mut().poll(cx)
        {
            self.future = None;
            self.failed = outcome.err();
        }
        let chunk = std::mem::take(&mut *self.slot.lock());
        if !chunk.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match (self.failed.take(), &self.future) {
            (Some(error), _) => Poll::Ready(Some(Err(error))),
            (None, None) => Poll::Ready(None),
            (None, Some(_)) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.future.is_none() && self.failed.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(mut body: Body) -> Vec<Result<Bytes, String>> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut frames = Vec::new();
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut cx) {
            let data = frame.map(|frame| frame.into_data().unwrap_or_default());
            frames.push(data.map_err(|error| error.to_string()));
        }
        frames
    }

    #[test]
    fn chunks_arrive_in_order_and_then_the_end() {
        let body = Body::produce(|mut sender| async move {
            for chunk in ["one", "", "two"] {
                sender.send(chunk).await;
            }
            Ok(())
        });
        assert_eq!(frames(body), [Ok("one".into()), Ok("two".into())]);
    }

    #[test]
    fn an_error_after_an_untaken_chunk_is_not_lost() {
        let body = Body::produce(|mut sender| async move {
            tokio::select! {
                biased;
                () = sender.send("half") => Ok(()),
                () = std::future::ready(()) => Err("the source broke off".into()),
            }
        });
        assert!(!body.is_end_stream());
        assert_eq!(frames(body), [Ok("half".into()), Err("the source broke off".to_owned())]);
    }
}
