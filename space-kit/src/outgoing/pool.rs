//! Requests over kept-alive connections. A connection that died while idle is replaced without a word, once: the
//! request goes out again on a new connection and no further one.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue};
use hyper::{Method, Request, Response};

use super::Origin;
use super::connect::{Connector, Sender};
use crate::task;

/// Idle connections kept for one origin.
const MAX_IDLE: usize = 64;
/// An idle connection older than this is not used: the other side may be about to close it.
const MAX_AGE: Duration = Duration::from_secs(60);

/// By origin, of which a service has a few; each one's connections in the order in which they came back.
type Idle = Vec<(Origin, Vec<(Sender, Instant)>)>;

/// A pool of connections. Clones share it.
#[derive(Clone, Default)]
pub struct Pool {
    connector: Arc<Connector>,
    idle: Arc<Mutex<Idle>>,
}

/// Makes a request.
pub(super) type Making<'a> = &'a (dyn Fn() -> Request<Bytes> + Sync);

/// An answer to come, or why there is none, for the log. It is boxed, so that there is one copy of its code for all who wait for one.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response<PooledBody>, String>> + Send + 'a>>;

impl Pool {
    /// An empty pool.
    pub fn new(connector: Connector) -> Pool {
        Pool { connector: Arc::new(connector), idle: Arc::default() }
    }

    /// Sends a request and gives the head of its answer. `request` makes it anew for each connection that is tried, two
    /// at most; its URI is the target alone (path and query); `Host` and `Content-Length` are set here. Dropping the
    /// future or the body cancels the request on the other side: its connection closes.
    ///
    /// A kept connection that breaks off before it answers was most likely closed while it was idle, but the other
    /// side may have read the request (RFC 9112 section 9.3.1). What must not be read twice has the header
    /// `Connection: close`: it goes over a connection of its own, and out once.
    pub fn send<'a>(&'a self, origin: &'a Origin, request: Making<'a>) -> Sending<'a> {
        Box::pin(self.send_now(origin, request))
    }

    async fn send_now(&self, origin: &Origin, request: Making<'_>) -> Result<Response<PooledBody>, String> {
        let mut next = addressed(request(), origin);
        if !next.headers().contains_key(CONNECTION)
            && let Some(mut sender) = self.kept(origin).await
        {
            match sender.send_request(next).await {
                Ok(response) => return Ok(self.pooled(response, origin, sender)),
                // The connection was closed while it was idle: that says nothing of the other side.
                Err(error) if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => {}
                Err(error) => return Err(broken(origin, &error)),
            }
            next = addressed(request(), origin);
        }
        let mut sender = self.connector.connect(origin).await?;
        let sent = sender.send_request(next).await;
        Ok(self.pooled(sent.map_err(|error| broken(origin, &error))?, origin, sender))
    }

    /// A kept connection that is not known to be dead.
    async fn kept(&self, origin: &Origin) -> Option<Sender> {
        while let Some(mut sender) = self.take(origin) {
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
        None
    }

    fn pooled(&self, response: Response<Incoming>, origin: &Origin, sender: Sender) -> Response<PooledBody> {
        let back = Some((self.clone(), origin.clone(), sender));
        response.map(|body| PooledBody { body, back })
    }

    fn take(&self, origin: &Origin) -> Option<Sender> {
        let mut idle = self.lock();
        let (_, connections) = idle.iter_mut().find(|(known, _)| known == origin)?;
        while let Some((sender, since)) = connections.pop() {
            if !sender.is_closed() && since.elapsed() < MAX_AGE {
                return Some(sender);
            }
        }
        None
    }

    fn put(&self, origin: Origin, sender: Sender) {
        let mut idle = self.lock();
        let now = Instant::now();
        let Some((_, connections)) = idle.iter_mut().find(|(known, _)| *known == origin) else {
            return idle.push((origin, vec![(sender, now)]));
        };
        let stale = |(sender, since): &&(Sender, Instant)| sender.is_closed() || now - *since >= MAX_AGE;
        let oldest = connections.iter().take_while(stale).count();
        connections.drain(..oldest);
        if connections.len() < MAX_IDLE {
            connections.push((sender, now));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request as a connection to its origin takes it.
fn addressed(mut request: Request<Bytes>, origin: &Origin) -> Request<Full<Bytes>> {
    let length = request.body().len();
    if length > 0 || request.method() == Method::POST {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    request.headers_mut().insert(HOST, origin.authority().clone());
    request.map(Full::new)
}

fn broken(origin: &Origin, error: &hyper::Error) -> String {
    format!("{origin} broke off before it answered: {error}")
}

/// An answer's body. When it was read to its end its connection goes back to the pool.
pub struct PooledBody {
    body: Incoming,
    back: Option<(Pool, Origin, Sender)>,
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
mod tests {
    use super::*;
    use crate::outgoing::{Url, collect};
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A server whose connections answer their first request and drop the second, once it was read. The first two
    /// answers wait for each other.
    fn server() -> (Url, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let (count, both) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
        let counter = count.clone();
        std::thread::spawn(move || {
            for (at, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let (counter, both) = (counter.clone(), both.clone());
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream);
                    read(&mut stream, &counter);
                    if at < 2 {
                        both.wait();
                    }
                    stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
                    read(&mut stream, &counter);
                });
            }
        });
        (url, count)
    }

    fn read(stream: &mut BufReader<TcpStream>, counter: &AtomicUsize) {
        let (mut line, mut first) = (String::new(), true);
        while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
            if std::mem::take(&mut first) {
                counter.fetch_add(1, Ordering::SeqCst);
            }
            line.clear();
        }
    }

    async fn ask(pool: &Pool, url: &Url, closes: bool) -> Bytes {
        let request = || {
            let mut request = Request::post("/").body(Bytes::new()).unwrap();
            if closes {
                request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            request
        };
        let response = pool.send(&url.origin, &request).await.unwrap();
        collect(response.into_body(), 9).await.unwrap()
    }

    #[tokio::test]
    async fn a_request_on_a_dead_connection_goes_out_once_more_and_on_a_new_one() {
        let (pool, (url, count)) = (Pool::default(), server());
        tokio::join!(ask(&pool, &url, false), ask(&pool, &url, false));
        assert_eq!(pool.lock()[0].1.len(), 2, "two are kept, and dead as soon as they are used");
        assert_eq!(ask(&pool, &url, false).await, "ok");
        assert_eq!(count.load(Ordering::SeqCst), 4);
    }

    #[tokio::test]
    async fn a_request_that_closes_its_connection_goes_over_one_of_its_own() {
        let (pool, (url, count)) = (Pool::default(), server());
        tokio::join!(ask(&pool, &url, false), ask(&pool, &url, false));
        assert_eq!(ask(&pool, &url, true).await, "ok");
        assert_eq!((count.load(Ordering::SeqCst), pool.lock()[0].1.len()), (3, 2));
    }
}
