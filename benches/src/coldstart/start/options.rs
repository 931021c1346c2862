//! What all starts of one run have in common.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::Result;

/// The file descriptors that a server sees.
pub(super) const LISTENER_FD: i32 = 3;
pub(super) const READY_FD: i32 = 4;

pub(crate) struct StartOptions<'a> {
    /// The environment of every server, without the variables of the method.
    pub(crate) env: &'a [(String, String)],
    pub(crate) path: &'a str,
    /// The time limit of a single start.
    pub(crate) limit: Duration,
    /// The CPU to pin the server to.
    pub(crate) cpu: Option<usize>,
}

impl StartOptions<'_> {
    /// The environment with the variables of one method added.
    pub(super) fn env_with(&self, own: &[(&str, String)]) -> Vec<(String, String)> {
        let own = own.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.env.iter().cloned().chain(own).collect()
    }
}

/// A port of 127.0.0.1 that is free now. Another process can take it before the server binds it; that
/// start then fails with an error.
pub(crate) fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
