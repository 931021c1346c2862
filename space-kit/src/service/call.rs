//! What a handler receives and returns.

use std::future::Future;
use std::net::IpAddr;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;

use hyper::Response;
use hyper::header::{AsHeaderName, HeaderValue};
use hyper::http::request::Parts;

use crate::service::body::Body;
use crate::service::error::Error;
use crate::service::pattern;
use crate::service::request_body::RequestBody;
use crate::service::running::Running;

/// One request, as a handler receives it.
pub struct Call<S: 'static> {
    /// Method, URI and headers.
    pub head: Parts,
    /// The body, read on demand.
    pub body: RequestBody,
    /// The request's id, returned in `x-request-id`.
    pub id: HeaderValue,
    /// The client's address, determined with `TRUSTED_PROXY_HOPS`.
    pub client: IpAddr,
    /// What all requests share: the service's state, and the kit's configuration, log and metrics. A call derefs to it,
    /// so a handler writes `call.state` and `call.kit`; code that outlives the call clones this.
    pub running: Arc<Running<S>>,
    pub(crate) pattern: &'static str,
}

impl<S> Call<S> {
    /// The segment at `{name}` in the route's path, still percent-encoded; `Path` decodes it.
    pub fn param(&self, name: &str) -> Option<&str> {
        pattern::param(self.pattern, self.head.uri.path(), name)
    }

    /// The first value of a header, if it is text.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.head.headers.get(name)?.to_str().ok()
    }
}

/// For `call.state` and `call.kit`.
impl<S> Deref for Call<S> {
    type Target = Running<S>;

    fn deref(&self) -> &Running<S> {
        &self.running
    }
}

/// A finished response, or the error that the service renders.
pub type HandlerResult = Result<Response<Body>, Error>;

/// What a handler returns: a result that is ready, or a future that must finish within `REQUEST_TIMEOUT`.
pub enum Reply {
    /// Ready: without an allocation or a timer.
    Now(HandlerResult),
    /// The server awaits it.
    Later(Pin<Box<dyn Future<Output = HandlerResult> + Send>>),
}

impl Reply {
    /// The result of an async function.
    pub fn later(result: impl Future<Output = HandlerResult> + Send + 'static) -> Reply {
        Reply::Later(Box::pin(result))
    }
}

impl From<Response<Body>> for Reply {
    fn from(response: Response<Body>) -> Reply {
        Reply::Now(Ok(response))
    }
}

impl From<HandlerResult> for Reply {
    fn from(result: HandlerResult) -> Reply {
        Reply::Now(result)
    }
}

impl From<Error> for Reply {
    fn from(error: Error) -> Reply {
        Reply::Now(Err(error))
    }
}
