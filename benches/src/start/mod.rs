//! From `execve` to the first byte of a 200: three ways to see it, and the rounds that compare them.

mod cache;
mod inherited;
mod polled;
mod probe;
mod ready;
mod rounds;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::process::{Child, Ended, Program, Spawned};

pub(crate) use cache::Cache;
pub(crate) use polled::until_ok;
pub(crate) use probe::methods_of;
pub(crate) use rounds::{Row, rounds};

/// The descriptor numbers that a server sees.
const LISTENER: i32 = 3;
const READY: i32 = 4;
/// How long a server may take to end after TERM.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// How the end of a start is seen. Figures of two methods are never divided by one another.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// The harness listens, connects and sends before exec; the server gets the socket as fd 3.
    InheritedListener,
    /// The server binds `PORT` and writes a byte to `READY_FD`; then the harness connects.
    BindIncluded,
    /// The harness connects every millisecond, which takes CPU time and rounds the figure up.
    ConnectPolling,
    /// `docker run`: polled every millisecond too, which is little beside what an engine takes.
    ContainerRun,
    /// The same with a network of its own and a published port.
    ContainerPublished,
}

/// What all starts of one run share.
pub(crate) struct Setting<'a> {
    /// The environment of every server, before the variables of the method.
    pub(crate) env: &'a [(String, String)],
    pub(crate) path: &'a str,
    /// How long any one start may take.
    pub(crate) limit: Duration,
    pub(crate) cpu: Option<usize>,
}

/// A server that has answered its first request, on a connection that is still open.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) connection: Option<TcpStream>,
    pub(crate) timing: Timing,
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// From right before `execve`: the figure.
    pub(crate) from_exec: Duration,
    /// From right before `clone`: the same with process creation and the move to the other CPU.
    pub(crate) from_clone: Duration,
}

impl Method {
    pub(crate) fn start(self, program: &Program, setting: &Setting<'_>) -> Result<Serving> {
        match self {
            Self::InheritedListener => inherited::start(program, setting),
            Self::BindIncluded => ready::start(program, setting),
            Self::ConnectPolling | Self::ContainerRun | Self::ContainerPublished => {
                polled::start(program, setting)
            }
        }
    }

    pub(crate) fn in_container(self) -> bool {
        matches!(self, Self::ContainerRun | Self::ContainerPublished)
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::InheritedListener => "inherited listener",
            Self::BindIncluded => "bind included, ready byte",
            Self::ConnectPolling => "connect polled every 1 ms",
            Self::ContainerRun => "container run, host network",
            Self::ContainerPublished => "container run, published port",
        }
    }
}

impl Serving {
    fn new(spawned: Spawned, connection: Option<TcpStream>, answered: Instant) -> Self {
        let timing = Timing {
            from_exec: answered.duration_since(spawned.before_exec),
            from_clone: answered.duration_since(spawned.before_clone),
        };
        Self { child: spawned.child, connection, timing }
    }

    /// Closes the connection, then ends the server.
    pub(crate) fn end(self) -> Result<Ended> {
        drop(self.connection);
        self.child.stop(STOP_LIMIT)
    }
}

impl Setting<'_> {
    /// The environment with the variables of one method added.
    fn env_with(&self, own: &[(&str, String)]) -> Vec<(String, String)> {
        let own = own.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.env.iter().cloned().chain(own).collect()
    }
}

/// A port of 127.0.0.1 that nobody has now. Another process may take it before the server does: the
/// start then fails loudly.
pub(crate) fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
