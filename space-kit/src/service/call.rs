//! What a handler gets and what it gives back.

use std::future::Future;
use std::net::IpAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use hyper::Response;
use hyper::header::HeaderValue;
use hyper::http::request::Parts;

use crate::service::body::Body;
use crate::service::error::Error;
use crate::service::pattern;
use crate::service::request_body::RequestBody;
use crate::service::running::Running;

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
    /// What all requests share: the service's state, and the kit's configuration, log and metrics. A call derefs to
    /// it, so that a handler reads `call.state` and `call.kit`; what outlives the call clones this.
    pub running: Arc<Running<S>>,
    pub(crate) pattern: &'static str,
}

impl<S> Call<S> {
    /// The segment at `{name}` in the route's path, as it was sent (percent-encoding kept).
    pub fn param(&self, name: &str) -> Option<&str> {
        pattern::param(self.pattern, self.head.uri.path(), name)
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }
}

impl<S> Deref for Call<S> {
    type Target = Running<S>;

    fn deref(&self) -> &Running<S> {
        &self.running
    }
}

/// A finished response, or the error that the service renders.
pub type HandlerResult = Result<Response<Body>, Error>;

/// An answer that is there already, or one to wait for (within `REQUEST_TIMEOUT`).
pub enum Reply {
    /// Ready: no allocation, no timer.
    Now(HandlerResult),
    /// To be awaited.
    Later(Pin<Box<dyn Future<Output = HandlerResult> + Send>>),
}

impl Reply {
    /// An answer that an async function makes.
    pub fn later(answer: impl Future<Output = HandlerResult> + Send + 'static) -> Reply {
        Reply::Later(Box::pin(answer))
    }
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Reply {
        Reply::Now(Ok(response))
    }
}

impl From<HandlerResult> for Reply {
    fn from(answer: HandlerResult) -> Reply {
        Reply::Now(answer)
    }
}

impl From<Error> for Reply {
    fn from(error: Error) -> Reply {
        Reply::Now(Err(error))
    }
}
