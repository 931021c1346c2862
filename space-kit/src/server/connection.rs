//! One connection: hyper's HTTP/1.1 under our own time limits, with refusals in the service's words.
//!
//! hyper answers what it cannot parse by itself, bare and without a body, and answers nothing when a head
//! is late. So [`Io`] drops what hyper writes while nothing is being served, and the service's own refusal
//! is written after hyper has let go of the socket.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::connection::io::Io;
use crate::connection::state::{ConnectionState, Phase};
use crate::observe::log::Value;
use crate::server::handle::Handler;
use crate::server::render::Server;
use crate::server::shutdown::Guard;
use crate::server::trim;
use crate::service::error::{Error, RequestError};
use crate::settings::config::Config;

/// The longest request head, in bytes. It also bounds hyper's buffers, and so the memory of a connection.
pub(crate) const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long a closing connection may still deliver what nobody reads, so that the refusal before it is
/// read and not lost to a reset (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// Falls when its connection ends, however it ends.
struct Open<S: 'static>(Arc<Server<S>>);

impl<S> Drop for Open<S> {
    fn drop(&mut self) {
        self.0.kit().metrics.connections.fall();
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
    let open_now = Open(server.clone());
    let limit = server.kit().config.max_connections;
    if server.kit().metrics.connections.get() > limit as u64 {
        drop(open_now); // it takes nobody's place while it is told
        let refused = refuse(&server, stream, peer, RequestError::TooManyConnections(limit));
        return Box::pin(refused).await; // apart from here on what is rare: it would be part of each connection's task
    }
    let (mut conn, state) = open(&server, stream, peer);
    let end = drive(&mut conn, &state, &server.kit().config, drain.begun()).await;
    let lingering = state.body_pending();
    if lingering || !matches!(end, End::Closed(Ok(()))) {
        Box::pin(take_leave(&server, conn, peer, end, lingering)).await;
    }
}

type Connection<S> = http1::Connection<Io, Handler<S>>;

/// hyper's part. Not inlined: while it is put together it takes two pages of the stack, in each start too. Not boxed:
/// of a thousand boxes a few would keep segments of the heap from going back.
#[inline(never)]
fn open<S: Send + Sync + 'static>(
    server: &Arc<Server<S>>,
    stream: TcpStream,
    peer: IpAddr,
) -> (Connection<S>, Arc<ConnectionState>) {
    let (io, state) = Io::new(stream);
    let handler = Handler { server: server.clone(), state: state.clone(), peer };
    let conn = http1::Builder::new()
        .header_read_timeout(None) // ours tells a late head from an idle connection
        .half_close(true) // Io tells when a client leaves
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(io, handler);
    (conn, state)
}

/// What a connection still gets that did not end by itself.
async fn take_leave<S: Send + Sync + 'static>(
    server: &Server<S>,
    conn: Connection<S>,
    peer: IpAddr,
    end: End,
    lingering: bool,
) {
    let stream = conn.into_parts().io.into_stream();
    let failed = |what, error| {
        server.kit().log.debug(what, &[("client", Value::Show(&peer)), ("cause", Value::Show(error))]);
    };
    match end {
        End::Closed(Err(error)) if error.is_parse() => {
            failed("malformed request", &error);
            let refusal = match error.is_parse_too_large() {
                true => RequestError::HeadTooLarge(MAX_HEAD_BYTES),
                false => RequestError::Malformed(
                    "this is no HTTP/1.1 request: its request line or a header is malformed",
                ),
            };
            refuse(server, stream, peer, refusal).await;
        }
        End::Late(Phase::Head) => {
            refuse(server, stream, peer, RequestError::HeadTimeout(server.kit().config.header_timeout)).await;
        }
        End::Closed(Ok(())) if lingering => linger(stream).await,
        End::Closed(Ok(())) | End::Late(_) => {}
        End::Closed(Err(error)) => failed("connection failed", &error),
    }
}

/// Answers a connection that has no request yet.
async fn refuse<S: Send + Sync + 'static>(
    server: &Server<S>,
    mut stream: TcpStream,
    peer: IpAddr,
    refusal: RequestError,
) {
    let id = server.kit().ids.fresh();
    let shown = id.clone();
    let (status, wire) = server.wire_refusal(&Error::from(refusal), id);
    server.kit().metrics.refused_total.add(1);
    server.kit().log.info(
        "refused",
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

/// Closes our side and reads the other side's rest for a while.
async fn linger(mut stream: TcpStream) {
    _ = timeout(LINGER, async {
        _ = stream.shutdown().await;
        let mut rest = vec![0; 4096]; // an array would be part of every connection's task
        while matches!(stream.read(&mut rest).await, Ok(1..)) {}
    })
    .await;
}

/// How hyper's part of a connection ended.
enum End {
    /// By itself: closed by the peer, or after an answer that closes.
    Closed(hyper::Result<()>),
    /// By our clock, in this phase.
    Late(Phase),
}

/// Polls a hyper connection until it ends or a wait is over its limit. Once `drain` is there it soon ends where
/// nothing comes; where something does, the answer closes it.
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
    let mut timer = pin!(tokio::time::sleep_until(armed.into()));
    poll_fn(move |cx| {
        if draining.is_none() && drain.as_mut().poll(cx).is_ready() {
            draining = Some(Instant::now());
        }
        if let Poll::Ready(result) = conn.poll_without_shutdown(cx) {
            return Poll::Ready(End::Closed(result));
        }
        loop {
            // The timer is moved only when it must ring earlier, or has rung for a wait that is over.
            let Some(deadline) = state.deadline(config, draining) else { return Poll::Pending };
            if deadline < armed {
                armed = deadline;
                timer.as_mut().reset(armed.into());
            }
            ready!(timer.as_mut().poll(cx));
            if deadline <= Instant::now() {
                return Poll::Ready(End::Late(state.phase()));
            }
            armed = deadline;
            timer.as_mut().reset(armed.into());
        }
    })
    .await
}
