//! TERM and INT, and the drain they begin.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::sync::watch;

/// Numbers of signal(7), the same on every Linux.
const INT: i32 = 2;
const TERM: i32 = 15;

/// The signals that end the service. Installed before listening: PID 1 has no default action for them.
///
/// Not by tokio's own: it makes room for all 65 signals at once, five pages at every start.
pub(crate) struct Signals(tokio::net::UnixStream);

impl Signals {
    pub(crate) fn install() -> io::Result<Signals> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        write.set_nonblocking(true)?; // a handler never waits: with the pair full, enough is on its way
        let write = Arc::new(write);
        on_signal(TERM, write.clone(), b"T")?;
        on_signal(INT, write, b"I")?;
        Ok(Signals(tokio::net::UnixStream::from_std(read)?))
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

/// Writes one byte whenever `signal` comes.
#[allow(unsafe_code)]
fn on_signal(signal: i32, to: Arc<UnixStream>, byte: &'static [u8; 1]) -> io::Result<()> {
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
