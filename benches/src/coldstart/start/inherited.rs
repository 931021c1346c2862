//! Inherited listener: the request waits in the socket before the program exists, so that no polling
//! affects the figure. It does not include `bind` and `listen`.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};

use super::http;
use super::options::{LISTENER_FD, StartOptions, free_port};
use super::serving::Serving;
use crate::process::{Launch, Program, Spawned, spawn};

pub(super) fn start(program: &Program, options: &StartOptions<'_>) -> Result<Serving> {
    let (spawned, mut connection, _) = launch(program, options)?;
    let answered = http::first_byte(&mut connection).context("on the inherited listener")?;
    Ok(Serving::new(spawned, Some(connection), answered))
}

/// Starts the program with the listener as fd 3. Returns the connection on which the request already
/// waits, and the address of the `PORT` variable, which commands that ignore `LISTEN_FDS` bind.
pub(super) fn launch(
    program: &Program,
    options: &StartOptions<'_>,
) -> Result<(Spawned, TcpStream, SocketAddr)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let connection = http::send(listener.local_addr()?, options.path, options.limit)?;
    // PORT must differ from the port that the harness itself has bound.
    let own = free_port()?;
    let env = options.env_with(&[("PORT", own.port().to_string()), ("LISTEN_FDS", "1".to_owned())]);
    // The harness keeps no copy of the listener, so that a server that dies resets the connection.
    let fds = vec![(OwnedFd::from(listener), LISTENER_FD)];
    let spawned = spawn(Launch { program, env: &env, fds, listen_pid: true, cpu: options.cpu })?;
    Ok((spawned, connection, own))
}
