//! Method B: the server binds for itself and says by one byte when it accepts. `bind`, `listen` and
//! one connect are in the figure.

use std::fs::File;
use std::io::Read;

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{READY, Serving, Setting, free_port};
use crate::http;
use crate::process::{Launch, Program, spawn};

pub(super) fn start(program: &Program, setting: &Setting<'_>) -> Result<Serving> {
    let address = free_port()?;
    let (ready, announce) = pipe_with(PipeFlags::CLOEXEC)?;
    let env = setting.env_with(&[("PORT", address.port().to_string()), ("READY_FD", READY.to_string())]);
    let fds = vec![(announce, READY)];
    let spawned = spawn(Launch { program, env: &env, fds, listen_pid: false, cpu: setting.cpu })?;
    let limit = Timespec::try_from(setting.limit).context("a time limit")?;
    let heard = poll(&mut [PollFd::new(&ready, PollFlags::IN)], Some(&limit))?;
    ensure!(heard == 1, "no ready byte within {:?}", setting.limit);
    File::from(ready).read_exact(&mut [0]).context("the server ended without a ready byte")?;
    let mut connection = http::send(address, setting.path, setting.limit).context("after the ready byte")?;
    let answered = http::first_byte(&mut connection).context("after the ready byte")?;
    Ok(Serving::new(spawned, Some(connection), answered))
}
