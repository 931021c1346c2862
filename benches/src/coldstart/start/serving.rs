//! A started server and its timing.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::process::{Child, Ended, Spawned};

/// How long a server may take to exit after SIGTERM.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A server that has answered its first request; that connection is still open.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) connection: Option<TcpStream>,
    pub(crate) timing: Timing,
}

/// The time of one start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// From right before `execve`. This is the published figure.
    pub(crate) from_exec: Duration,
    /// From right before `clone`: includes process creation and the move to the server's CPU.
    pub(crate) from_clone: Duration,
}

impl Serving {
    pub(super) fn new(spawned: Spawned, connection: Option<TcpStream>, answered: Instant) -> Self {
        let timing = Timing {
            from_exec: answered.duration_since(spawned.before_exec),
            from_clone: answered.duration_since(spawned.before_clone),
        };
        Self { child: spawned.child, connection, timing }
    }

    /// Closes the connection, then stops the server.
    pub(crate) fn end(self) -> Result<Ended> {
        drop(self.connection);
        self.child.stop(STOP_LIMIT)
    }
}
