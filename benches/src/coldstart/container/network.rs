//! How the harness reaches a container.

use crate::start::Method;

/// The network of a container. Ports are published only on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Network {
    /// The container gets a free `PORT` of the host, and `HOST=127.0.0.1`.
    Host,
    /// This port of the container is published on a free port of 127.0.0.1.
    Publish(u16),
}

impl Network {
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Host => Method::ContainerRun,
            Self::Publish(_) => Method::ContainerPublished,
        }
    }

    pub(crate) fn title(self) -> String {
        match self {
            Self::Host => "host network".to_owned(),
            Self::Publish(port) => format!("port {port} published on 127.0.0.1"),
        }
    }
}
