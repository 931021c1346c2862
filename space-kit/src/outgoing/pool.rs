//! Requests over kept-alive connections. If a pooled connection turns out to be closed, the request is sent once more, on
//! a new connection.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::connect::{Connector, HttpSender};
use super::error::OutgoingError;
use crate::server::{task, trim};
use crate::web::Origin;

/// Idle connections kept for one origin.
const MAX_IDLE: usize = 64;
/// An idle connection older than this is not used, because the other side may be about to close it.
const MAX_AGE: Duration = Duration::from_secs(60);
/// Time between two sweeps for such connections.
const SWEEP: Duration = Duration::from_secs(15);

/// Interim responses (1xx) to one request.
const MAX_INTERIM: u32 = 100;

/// The idle connections by origin, each origin's in the order in which they came back. A list, because a service has few
/// origins. It is empty exactly while no sweep task runs.
type Idle = Vec<(Origin, Vec<(HttpSender, Instant)>)>;

/// A pool of connections. Clones share it.
#[derive(Clone, Default)]
pub struct Pool {
    connector: Arc<Connector>,
    idle: Arc<Mutex<Idle>>,
}

/// Creates the request.
pub(super) type Making<'a> = &'a (dyn Fn() -> Request<Bytes> + Sync);

/// A future response. It is boxed, so that the binary has its code once instead of once per caller.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<PooledBody>, OutgoingError>> + Send + 'a>>;

impl Pool {
    /// An empty pool.
    pub fn new(connector: Connector) -> Pool {
        Pool { connector: Arc::new(connector), idle: Arc::default() }
    }

    /// Sends a request and returns the head of its response. `request` creates it for each connection that is tried, at
    /// most two. Its URI is only the target (path and query); `Host` and `Content-Length` are set here. Dropping the
    /// future or the body closes the connection, which cancels the request on the other side.
    ///
    /// A pooled connection that closes before a response was most likely closed while it was idle, but the other side may
    /// have read the request (RFC 9112 section 9.3.1). A request that must not be repeated has the header `Connection:
    /// close`: it is sent once, over a new connection.
    ///
    /// # Errors
    ///
    /// If no connection can be opened, or it ends before the response begins.
    pub fn send<'a>(&'a self, origin: &'a Origin, request: Making<'a>) -> Sending<'a> {
        Box::pin(self.send_now(origin, request))
    }

    async fn send_now(
        &self,
        origin: &Origin,
        request: Making<'_>,
    ) -> Result<Response<PooledBody>, OutgoingError> {
        let mut next = addressed(request(), origin);
        if !next.headers().contains_key(CONNECTION)
            && let Some(mut sender) = self.kept(origin).await
        {
            match send_request(&mut sender, next, origin).await? {
                Ok(response) => return Ok(self.pooled(response, origin, sender)),
                // The connection was closed while it was idle, which does not mean that the other side fails.
                Err(error) if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => {}
                Err(error) => return Err(broken(origin, &error)),
            }
            next = addressed(request(), origin);
        }
        let mut sender = self.connector.connect(origin).await?;
        let sent = send_request(&mut sender, next, origin).await?;
        Ok(self.pooled(sent.map_err(|error| broken(origin, &error))?, origin, sender))
    }

    /// A pooled connection that is not known to be closed.
    async fn kept(&self, origin: &Origin) -> Option<HttpSender> {
        while let Some(mut sender) = self.take(origin) {
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
        None
    }

    fn pooled(
        &self,
        response: Response<Incoming>,
        origin: &Origin,
        sender: HttpSender,
    ) -> Response<PooledBody> {
        let back = Some((self.clone(), origin.clone(), sender));
        response.map(|body| PooledBody { body, back })
    }

    fn take(&self, origin: &Origin) -> Option<HttpSender> {
        let mut idle = self.lock();
        let (_, connections) = idle.iter_mut().find(|(known, _)| known == origin)?;
        while let Some(connection) = connections.pop() {
            if is_fresh(&connection) {
                return Some(connection.0);
            }
        }
        None
    }

    fn put(&self, origin: Origin, sender: HttpSender) {
        let mut idle = self.lock();
        let connection = (sender, Instant::now());
        if let Some((_, connections)) = idle.iter_mut().find(|(known, _)| *known == origin) {
            if connections.len() < MAX_IDLE {
                connections.push(connection);
            }
            return;
        }
        if idle.is_empty() {
            task::spawn(self.clone().sweep());
        }
        idle.push((origin, vec![connection]));
    }

    /// Closes connections that are too old, until none is left.
    async fn sweep(self) {
        loop {
            sleep(SWEEP).await;
            let mut idle = self.lock();
            idle.retain_mut(|(_, connections)| {
                connections.retain(is_fresh);
                !connections.is_empty()
            });
            if idle.is_empty() {
                return trim::connection_ended();
            }
        }
    }

    /// Lets the next request to this origin use a connection whose other end the fuzzer has.
    #[cfg(feature = "fuzzing")]
    pub async fn keep(&self, origin: &str, stream: std::os::unix::net::UnixStream) -> Option<()> {
        let sender = super::connect::over(tokio::net::UnixStream::from_std(stream).ok()?).await.ok()?;
        self.put(Origin::parse(origin)?, sender);
        Some(())
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh((sender, since): &(HttpSender, Instant)) -> bool {
    !sender.is_closed() && since.elapsed() < MAX_AGE
}

/// Sends a request, unless the other side sends interim responses (1xx) without end: hyper reads and drops them.
async fn send_request(
    sender: &mut HttpSender,
    mut request: Request<Full<Bytes>>,
    origin: &Origin,
) -> Result<hyper::Result<Response<Incoming>>, OutgoingError> {
    let interim = Arc::new((AtomicU32::new(0), Notify::new()));
    let counted = interim.clone();
    hyper::ext::on_informational(&mut request, move |_| {
        if counted.0.fetch_add(1, Ordering::Relaxed) == MAX_INTERIM {
            counted.1.notify_one();
        }
    });
    tokio::select! {
        biased;
        sent = sender.send_request(request) => Ok(sent),
        () = interim.1.notified() => Err(OutgoingError::Broken {
            origin: origin.to_string(),
            cause: format!("more than {MAX_INTERIM} interim responses (1xx)"),
        }),
    }
}

/// Adds the headers that a connection to the origin needs.
fn addressed(mut request: Request<Bytes>, origin: &Origin) -> Request<Full<Bytes>> {
    let length = request.body().len();
    if length > 0 || request.method() == Method::POST {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    request.headers_mut().insert(HOST, origin.authority().clone());
    request.map(Full::new)
}

fn broken(origin: &Origin, error: &hyper::Error) -> OutgoingError {
    OutgoingError::Broken { origin: origin.to_string(), cause: error.to_string() }
}

/// A response's body. After its end, the connection returns to the pool.
pub struct PooledBody {
    body: Incoming,
    back: Option<(Pool, Origin, HttpSender)>,
}

impl PooledBody {
    fn give_back(&mut self) {
        if let Some((pool, origin, mut sender)) = self.back.take() {
            if sender.is_ready() {
                return pool.put(origin, sender);
            }
            task::spawn(async move {
                if sender.ready().await.is_ok() {
                    pool.put(origin, sender);
                }
            });
        }
    }
}

impl Body for PooledBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) {
            self.give_back();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests;
