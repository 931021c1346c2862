//! TERM and INT, and the drain they begin.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// The signals that end the service. Installed before listening: PID 1 has no default action for them.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn install() -> io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "TERM",
            _ = self.interrupt.recv() => "INT",
        }
    }
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
