//! Method A: the request waits in the socket before the program exists, so nothing polls and nothing
//! guesses; `bind` and `listen` are not in the figure.

use std::net::TcpListener;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};

use super::{LISTENER, Serving, Setting, free_port};
use crate::http;
use crate::process::{Launch, Program, spawn};

pub(super) fn start(program: &Program, setting: &Setting<'_>) -> Result<Serving> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut connection = http::send(listener.local_addr()?, setting.path, setting.limit)?;
    // PORT is for commands that bind all the same: it must not be the port that is taken.
    let env = setting.env_with(&[("PORT", free_port()?.port().to_string()), ("LISTEN_FDS", "1".to_owned())]);
    // The harness keeps no copy of the listener: a server that dies resets the waiting connection.
    let fds = vec![(OwnedFd::from(listener), LISTENER)];
    let spawned = spawn(Launch { program, env: &env, fds, listen_pid: true, cpu: setting.cpu })?;
    let answered = http::first_byte(&mut connection).context("on the inherited listener")?;
    Ok(Serving::new(spawned, Some(connection), answered))
}
