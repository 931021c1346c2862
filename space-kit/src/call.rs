//! What a handler gets and what it gives back.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use hyper::Response;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use crate::app::App;
use crate::body::{Body, RequestBody};
use crate::error::Error;
use crate::route;

/// One request on its way through a handler.
pub struct Call<S: 'static> {
    /// Method, URI and headers.
    pub head: Parts,
    /// The body, read on demand.
    pub body: RequestBody,
    /// The request's id, returned in `x-request-id`.
    pub id: HeaderValue,
    /// The client's address, as `TRUSTED_PROXY_HOPS` lets it be known.
    pub client: IpAddr,
    /// The service: its state, configuration, log and metrics.
    pub app: Arc<App<S>>,
    pub(crate) pattern: &'static str,
}

impl<S> Call<S> {
    /// The segment at `{name}` in the route's path, as it was sent (percent-encoding kept).
    pub fn param(&self, name: &str) -> Option<&str> {
        route::param(self.pattern, self.head.uri.path(), name)
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }
}

/// A finished answer.
pub type Answer = Result<Response<Body>, Error>;

/// An answer that is there already, or one to wait for (within `REQUEST_TIMEOUT`).
pub enum Reply {
    /// Ready: no allocation, no timer.
    Now(Answer),
    /// To be awaited.
    Later(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

impl Reply {
    /// An answer that an async function makes.
    pub fn later(answer: impl Future<Output = Answer> + Send + 'static) -> Reply {
        Reply::Later(Box::pin(answer))
    }
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Reply {
        Reply::Now(Ok(response))
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Reply {
        Reply::Now(answer)
    }
}

impl From<Error> for Reply {
    fn from(error: Error) -> Reply {
        Reply::Now(Err(error))
    }
}
