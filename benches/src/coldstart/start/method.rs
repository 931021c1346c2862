//! The methods by which a start is timed.

use serde::{Deserialize, Serialize};

/// How the harness notices that a server is ready. Only compare figures of the same method.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Method {
    /// The harness listens, connects and sends before `execve`; the server inherits the socket as fd 3.
    InheritedListener,
    /// The server binds `PORT` and writes a byte to `READY_FD`; then the harness connects.
    BindIncluded,
    /// The harness tries to connect every millisecond, which takes CPU time and rounds the figure up.
    ConnectPolling,
    /// `docker run` on the host's network. Also polled every millisecond, which is little compared
    /// with the time that an engine takes.
    ContainerRun,
    /// `docker run` with a network of its own and a published port.
    ContainerPublished,
}

impl Method {
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
