//! TERM and INT, and the drain they begin.

use std::io::{self, PipeWriter, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;

/// Numbers of signal(7), the same on every Linux.
const INT: i32 = 2;
const TERM: i32 = 15;

/// The signals that end the service. Installed before listening: PID 1 has no default action for them.
///
/// Not by tokio's own: it makes room for all 65 signals at once, five pages at every start.
pub(crate) struct Signals(Receiver);

impl Signals {
    pub(crate) fn install() -> io::Result<Signals> {
        let (read, write) = pipe()?;
        let write = Arc::new(PipeWriter::from(write));
        on_signal(TERM, write.clone(), b"T")?;
        on_signal(INT, write, b"I")?;
        Ok(Signals(Receiver::from_owned_fd_unchecked(read)?))
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        match self.0.read_u8().await {
            Ok(b'T') => "TERM",
            Ok(_) => "INT",
            Err(_) => std::future::pending().await, // the handlers hold the other end for good
        }
    }
}

/// A pipe's two ends, to read and to write, neither of which waits: with the pipe full, enough is on its way.
/// std's `pipe` would take four system calls for that.
#[allow(unsafe_code)]
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: pipe2(2) writes two numbers, and there is room for two.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let [read, write] = ends;
    // SAFETY: the kernel has just opened both, and nobody else knows of them.
    Ok(unsafe { (OwnedFd::from_raw_fd(read), OwnedFd::from_raw_fd(write)) })
}

/// Writes one byte whenever `signal` comes.
#[allow(unsafe_code)]
fn on_signal(signal: i32, to: Arc<PipeWriter>, byte: &'static [u8; 1]) -> io::Result<()> {
    // SAFETY: a handler may do only what signal-safety(7) lists. This one calls write(2), on a descriptor
    // that lives as long as it does; it takes no lock, allocates nothing and cannot panic, for an error of the system is no more
    // than its number. The registry saves and restores errno around it.
    unsafe { signal_hook_registry::register(signal, move || _ = (&*to).write(byte)) }?;
    Ok(())
}

/// Tells every connection that the drain has begun, and the server when the last one is gone.
pub(crate) struct Drain(watch::Sender<bool>);

impl Drain {
    pub(crate) fn new() -> Drain {
        Drain(watch::Sender::new(false))
    }

    /// Begins the drain.
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    /// One connection's end of it; holding it keeps [`Drain::done`] waiting.
    pub(crate) fn guard(&self) -> Guard {
        Guard(self.0.subscribe())
    }

    /// Waits until every guard is dropped.
    pub(crate) async fn done(&self) {
        self.0.closed().await;
    }
}

/// A connection that the drain waits for.
pub(crate) struct Guard(watch::Receiver<bool>);

impl Guard {
    /// Waits until the drain begins.
    pub(crate) async fn begun(&mut self) {
        // An error would mean that the server is gone, which ends this connection as well.
        _ = self.0.wait_for(|draining| *draining).await;
    }
}
