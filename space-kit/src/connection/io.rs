//! The socket between hyper and the system. It notes what the connection waits for, and drops hyper's own error
//! responses.

use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use crate::connection::framing::Framing;
use crate::connection::state::{ConnectionState, Phase};

/// A socket between hyper and the system.
pub(crate) struct Io {
    stream: TokioIo<TcpStream>,
    state: Arc<ConnectionState>,
    framing: Framing,
    /// Whether the next request has arrived while one is served.
    pipelined: bool,
}

impl Io {
    pub(crate) fn new(stream: TcpStream) -> (Io, Arc<ConnectionState>) {
        let state = Arc::new(ConnectionState::new(stream.as_raw_fd()));
        (
            Io {
                stream: TokioIo::new(stream),
                state: state.clone(),
                framing: Framing::new(),
                pipelined: false,
            },
            state,
        )
    }

    /// The socket, after hyper has released it.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream.into_inner()
    }

    #[allow(unsafe_code)]
    /// Reads into hyper's buffer, and looks at what was read.
    fn read(&mut self, cx: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        // SAFETY: `ReadBuf` writes to the buffer and never reads or uninitializes it.
        let mut read = ReadBuf::uninit(unsafe { buf.as_mut() });
        ready!(Pin::new(self.stream.inner_mut()).poll_read(cx, &mut read))?;
        if let Some((message, violation)) = self.framing.read(read.filled()) {
            self.state.note(message, violation);
        }
        let count = read.filled().len();
        // SAFETY: the first `count` bytes of the buffer are filled.
        unsafe { buf.advance(count) };
        Poll::Ready(Ok(()))
    }

    /// Fails if the client disconnects while its request is served. hyper could detect that too (without `half_close`),
    /// but with a read into 8 KB of new memory per request.
    fn detect_disconnect(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.pipelined || self.state.phase() != Phase::Serving || self.state.body_pending() {
            return Ok(());
        }
        let mut byte = [0];
        match self.stream.inner().poll_peek(cx, &mut ReadBuf::new(&mut byte)) {
            Poll::Ready(Ok(0)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Poll::Ready(Ok(_)) => {
                self.pipelined = true;
                Ok(())
            }
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Ok(()),
        }
    }
}

impl Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.pipelined = false;
        let outcome = self.read(cx, buf);
        // After an unread body these may be the rest of that body instead of a head, so IDLE_TIMEOUT continues.
        let head = matches!(self.state.phase(), Phase::Fresh | Phase::Idle) && !self.state.body_pending();
        if outcome.is_ready() && head {
            self.state.enter(Phase::Head);
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
        self.detect_disconnect(cx)?;
        if self.state.phase() == Phase::Flushing {
            self.state.enter(Phase::Idle);
            self.state.served.flushed();
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
        if !matches!(self.state.phase(), Phase::Serving | Phase::Flushing) {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.state.wrote(&outcome);
        outcome
    }
}
