//! TERM and INT, and the drain they begin.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::watch;

/// The signals that end the service. They are blocked from the start, and stay pending in the kernel until they are
/// read. This works for PID 1, which has no default action for them, and for signals that arrive before the first read.
///
/// tokio's own signal handling is not used, because it allocates for all 65 signals: five pages in each start-up.
pub(crate) struct Signals(libc::sigset_t);

impl Signals {
    /// Blocks the signals. Must be called before any other thread exists, because threads inherit the mask.
    ///
    /// # Errors
    ///
    /// If the system call fails.
    #[allow(unsafe_code)]
    pub(crate) fn hold() -> io::Result<Signals> {
        // SAFETY: a set is plain numbers, and each call gets a live one that nothing else writes to.
        let (held, status) = unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGTERM);
            libc::sigaddset(&raw mut set, libc::SIGINT);
            (set, libc::sigprocmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()))
        };
        if status == 0 { Ok(Signals(held)) } else { Err(io::Error::last_os_error()) }
    }

    /// Reads the blocked signals (signalfd(2)).
    ///
    /// # Errors
    ///
    /// If the system call fails.
    #[allow(unsafe_code)]
    pub(crate) fn watch(&self) -> io::Result<SignalReader> {
        // SAFETY: -1 asks for a new descriptor; the set lives as long as the call.
        let fd = unsafe { libc::signalfd(-1, &raw const self.0, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the kernel has just opened it, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(SignalReader(Receiver::from_owned_fd_unchecked(fd)?)) // it is read like a pipe
    }
}

/// Returns each signal that arrives.
pub(crate) struct SignalReader(Receiver);

impl SignalReader {
    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        let mut info = [0; size_of::<libc::signalfd_siginfo>()];
        match (self.0.read_exact(&mut info).await, info.first_chunk()) {
            (Ok(_), Some(number)) if u32::from_ne_bytes(*number) == libc::SIGINT as u32 => "INT",
            _ => "TERM", // the service also ends if signals cannot be read
        }
    }
}

/// Tells every connection that the drain has begun, and the server when the last connection has ended.
pub(crate) struct Drain(watch::Sender<bool>);

impl Drain {
    pub(crate) fn new() -> Drain {
        Drain(watch::Sender::new(false))
    }

    /// Begins the drain.
    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }

    /// A guard for one connection; [`Drain::done`] waits for it to be dropped.
    pub(crate) fn guard(&self) -> Guard {
        Guard(self.0.subscribe())
    }

    /// Waits until every guard is dropped.
    pub(crate) async fn done(&self) {
        self.0.closed().await;
    }
}

/// A connection that the drain waits for.
#[derive(Clone)]
pub(crate) struct Guard(watch::Receiver<bool>);

impl Guard {
    /// Waits until the drain begins.
    pub(crate) async fn begun(&mut self) {
        // An error means that the server has ended, which ends this connection too.
        _ = self.0.wait_for(|draining| *draining).await;
    }
}
