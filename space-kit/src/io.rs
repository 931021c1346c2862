//! The socket as hyper sees it: it notes what the connection waits for, and drops hyper's own refusals.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::phase::{Phase, Shared};

/// A socket between hyper and the system.
pub(crate) struct Io {
    stream: TokioIo<TcpStream>,
    shared: Arc<Shared>,
}

impl Io {
    pub(crate) fn new(stream: TcpStream) -> (Io, Arc<Shared>) {
        let shared = Arc::new(Shared::new());
        (Io { stream: TokioIo::new(stream), shared: shared.clone() }, shared)
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        // Behind a body that nobody read it may be the body's rest, not a head: IDLE_TIMEOUT goes on for both.
        let head = matches!(self.shared.phase(), Phase::Fresh | Phase::Idle) && !self.shared.body_pending();
        if outcome.is_ready() && head {
            self.shared.enter(Phase::Head);
        }
        outcome
    }
}

impl Write for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[io::IoSlice::new(buf)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        if self.shared.phase() == Phase::Flushing {
            self.shared.enter(Phase::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !matches!(self.shared.phase(), Phase::Serving | Phase::Flushing) {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.shared.wrote(&outcome);
        outcome
    }
}
