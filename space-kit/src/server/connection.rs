//! One connection: hyper's HTTP/1.1 with our own time limits, and errors in the service's format.
//!
//! hyper itself responds to a head that it cannot parse, without a body, and does not respond to a late head. So [`Io`]
//! drops what hyper writes while no request is served, and the service's own error is written after hyper has released
//! the socket.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use hyper::server::conn::http1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

use crate::connection::framing::Violation;
use crate::connection::io::Io;
use crate::connection::state::{ConnectionState, Phase};
use crate::crash::connections::polling;
use crate::observe::log::Value;
use crate::server::handle::Handler;
use crate::server::render::Server;
use crate::server::shutdown::Guard;
use crate::server::{peers, trim};
use crate::service::error::{Error, RequestError};
use crate::settings::config::Config;

/// The longest request head, in bytes. It also bounds hyper's buffers, and with them the memory of a connection.
pub(crate) const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long a closing connection may still send bytes, which are discarded. Closing at once would reset the connection,
/// and the client could lose the error response (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// Counts an open connection; dropping it ends the count.
struct Open<S: 'static>(Arc<Server<S>>, IpAddr);

impl<S> Drop for Open<S> {
    fn drop(&mut self) {
        self.0.kit().metrics.connections.fall();
        self.0.peers.leave(self.1);
        trim::connection_ended();
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve<S: Send + Sync + 'static>(
    server: Arc<Server<S>>,
    stream: TcpStream,
    peer: IpAddr,
    mut drain: Guard,
) {
    server.kit().metrics.connections.add(1);
    server.kit().metrics.connections_total.add(1);
    let open_now = Open(server.clone(), peer);
    let open_count = usize::try_from(server.kit().metrics.connections.get()).unwrap_or(usize::MAX);
    let config = &server.kit().config;
    let limit = config.connections(open_count);
    // Behind a proxy, all connections are the proxy's.
    let own = if config.trusted_proxy_hops > 0 { 1 } else { server.peers.enter(peer) };
    if !peers::may_have(own, open_count, limit) {
        drop(open_now); // it is not counted while it gets the error
        let rejected = reject(&server, stream, peer, RequestError::TooManyConnections(limit));
        return Box::pin(rejected).await; // boxed, so that the rare path does not enlarge every connection's task
    }
    let (mut conn, state) = open(&server, stream, peer);
    let end = drive(&mut conn, &state, &server.kit().config, drain.begun()).await;
    let lingering = state.body_pending();
    if lingering || !matches!(end, End::Closed(Ok(()))) {
        Box::pin(finish(&server, conn, peer, end, state.violation(u64::MAX), lingering)).await;
    }
}

type Connection<S> = http1::Connection<Io, Handler<S>>;

/// Creates hyper's connection. Not inlined, because building it takes two pages of stack, in each start-up too. Not
/// boxed, because a few of a thousand boxes would prevent segments of the heap from being returned.
#[inline(never)]
fn open<S: Send + Sync + 'static>(
    server: &Arc<Server<S>>,
    stream: TcpStream,
    peer: IpAddr,
) -> (Connection<S>, Arc<ConnectionState>) {
    let (io, state) = Io::new(stream);
    let handler = Handler { server: server.clone(), state: state.clone(), peer };
    let conn = http1::Builder::new()
        .header_read_timeout(None) // ours distinguishes a late head from an idle connection
        .half_close(true) // Io detects a disconnected client
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(io, handler);
    (conn, state)
}

/// Finishes a connection that did not end normally: with an error response, or by discarding the rest of a body.
async fn finish<S: Send + Sync + 'static>(
    server: &Server<S>,
    conn: Connection<S>,
    peer: IpAddr,
    end: End,
    violation: Option<Violation>,
    lingering: bool,
) {
    let stream = conn.into_parts().io.into_stream();
    let failed = |what, error| {
        server.kit().log.debug(what, &[("client", Value::Show(&peer)), ("cause", Value::Show(error))]);
    };
    match end {
        End::Closed(Err(error)) if error.is_parse() => {
            failed("malformed request", &error);
            let error = match violation {
                Some(violation) => RequestError::of(violation, server.kit().config.max_body_bytes),
                None if error.is_parse_too_large() => RequestError::HeadTooLarge(MAX_HEAD_BYTES),
                None => RequestError::Malformed(
                    "this is not an HTTP/1.1 request: its request line or a header is malformed",
                ),
            };
            reject(server, stream, peer, error).await;
        }
        End::Late(Phase::Head) => {
            reject(server, stream, peer, RequestError::HeadTimeout(server.kit().config.header_timeout)).await;
        }
        End::Closed(Ok(())) if lingering => linger(stream).await,
        End::Closed(Ok(())) | End::Late(_) => {}
        End::Closed(Err(error)) => failed("connection failed", &error),
    }
}

/// Sends an error to a connection that has no request yet, and closes it.
async fn reject<S: Send + Sync + 'static>(
    server: &Server<S>,
    mut stream: TcpStream,
    peer: IpAddr,
    error: RequestError,
) {
    let id = server.kit().ids.fresh();
    let shown = id.clone();
    let (status, wire) = server.wire_error(&Error::from(error), id);
    server.kit().metrics.refused_total.add(1);
    server.kit().log.info(
        "rejected",
        &[
            ("request_id", Value::Str(shown.to_str().unwrap_or(""))),
            ("status", Value::Int(status.as_u16().into())),
            ("client", Value::Show(&peer)),
        ],
    );
    if let Ok(Ok(())) = timeout(LINGER, stream.write_all(&wire)).await {
        linger(stream).await;
    }
}

/// Closes our side, and discards what the client still sends, for at most [`LINGER`].
async fn linger(mut stream: TcpStream) {
    _ = timeout(LINGER, async {
        _ = stream.shutdown().await;
        let mut rest = vec![0; 4096]; // an array would enlarge every connection's task
        while matches!(stream.read(&mut rest).await, Ok(1..)) {}
    })
    .await;
}

/// How hyper's connection ended.
enum End {
    /// By itself: the client closed it, or a response with `Connection: close`.
    Closed(hyper::Result<()>),
    /// It exceeded a time limit in this phase.
    Late(Phase),
}

/// Polls a hyper connection until it ends or exceeds a time limit. Once `drain` is ready, an idle connection ends soon,
/// and a response closes its connection.
async fn drive<S, B>(
    conn: &mut hyper::server::conn::http1::Connection<Io, S>,
    state: &ConnectionState,
    config: &Config,
    drain: impl Future<Output = ()>,
) -> End
where
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = B> + Unpin,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Unpin,
    B: hyper::body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut drain = pin!(drain);
    let mut draining = None;
    let mut armed = Instant::now() + config.header_timeout;
    let mut timer = pin!(sleep_until(armed));
    poll_fn(move |cx| {
        if draining.is_none() && drain.as_mut().poll(cx).is_ready() {
            draining = Some(Instant::now());
        }
        if let Poll::Ready(result) = polling(&state.served, || conn.poll_without_shutdown(cx)) {
            return Poll::Ready(End::Closed(result));
        }
        loop {
            // The timer is reset only if it must fire earlier, or has fired for a wait that is over.
            let Some(deadline) = state.deadline(config, draining) else { return Poll::Pending };
            if deadline < armed {
                armed = deadline;
                timer.as_mut().reset(armed);
            }
            ready!(timer.as_mut().poll(cx));
            if deadline <= Instant::now() {
                return Poll::Ready(End::Late(state.phase()));
            }
            armed = deadline;
            timer.as_mut().reset(armed);
        }
    })
    .await
}
