//! Bind included: the server binds its port itself and writes one byte once it accepts connections.
//! The figure includes `bind`, `listen` and one connect.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::http;
use super::options::{READY_FD, StartOptions, free_port};
use super::serving::Serving;
use crate::process::{Launch, Program, spawn};

pub(super) fn start(program: &Program, options: &StartOptions<'_>) -> Result<Serving> {
    let address = free_port()?;
    let (ready, announce) = pipe_with(PipeFlags::CLOEXEC)?;
    let env = options.env_with(&[("PORT", address.port().to_string()), ("READY_FD", READY_FD.to_string())]);
    let fds = vec![(announce, READY_FD)];
    let spawned = spawn(Launch { program, env: &env, fds, listen_pid: false, cpu: options.cpu })?;
    let limit = Timespec::try_from(options.limit).context("the time limit")?;
    let events = poll(&mut [PollFd::new(&ready, PollFlags::IN)], Some(&limit))?;
    ensure!(events == 1, "no ready byte within {:?}", options.limit);
    File::from(ready).read_exact(&mut [0]).context("the server ended without a ready byte")?;
    let mut connection = http::send(address, options.path, options.limit).context("after the ready byte")?;
    let answered = http::first_byte(&mut connection).context("after the ready byte")?;
    Ok(Serving::new(spawned, Some(connection), answered))
}
