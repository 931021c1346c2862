//! Finds out by untimed starts which methods a program supports, because an arbitrary server may
//! support none of ours.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::http;
use super::inherited;
use super::method::Method;
use super::options::{READY_FD, StartOptions, free_port};
use super::polled::{still_runs, until_ok};
use super::serving::STOP_LIMIT;
use crate::process::{Child, Launch, Program, spawn};

const PAUSE: Duration = Duration::from_millis(1);

/// The methods that this program supports, the best one first; never empty.
///
/// # Errors
/// If the program answers by no method; the error ends with the last lines of its stderr.
pub(crate) fn methods_of(program: &Program, options: &StartOptions<'_>) -> Result<Vec<Method>> {
    let inherited = takes_listener(program, options)?.then_some(Method::InheritedListener);
    let own = match (inherited, announces(program, options)) {
        (_, Ok(true)) => Some(Method::BindIncluded),
        (Some(_), _) => None,
        (None, Ok(false)) => Some(Method::ConnectPolling),
        (None, Err(error)) => return Err(error),
    };
    Ok(inherited.into_iter().chain(own).collect())
}

fn takes_listener(program: &Program, options: &StartOptions<'_>) -> Result<bool> {
    let (mut spawned, connection, own) = inherited::launch(program, options)?;
    let answered = answers_there(connection, own, &mut spawned.child, options.limit);
    spawned.child.stop(STOP_LIMIT)?;
    answered
}

/// True if the waiting request is answered; false if the program exits or listens on `own` instead.
fn answers_there(
    mut waiting: TcpStream,
    own: SocketAddr,
    child: &mut Child,
    limit: Duration,
) -> Result<bool> {
    let began = Instant::now();
    while began.elapsed() < limit {
        if readable(&waiting, PAUSE)? {
            return Ok(http::first_byte(&mut waiting).is_ok());
        }
        if child.ended()?.is_some() || TcpStream::connect(own).is_ok() {
            return Ok(false);
        }
    }
    Ok(false)
}

/// True if the program writes to `READY_FD` before it answers on `PORT`. If it does not answer at all,
/// the error ends with the last lines of its stderr.
fn announces(program: &Program, options: &StartOptions<'_>) -> Result<bool> {
    let address = free_port()?;
    let (ready, announce) = pipe_with(PipeFlags::CLOEXEC)?;
    let mut stderr = tempfile::tempfile()?;
    let env = options.env_with(&[("PORT", address.port().to_string()), ("READY_FD", READY_FD.to_string())]);
    let fds = vec![(announce, READY_FD), (OwnedFd::from(stderr.try_clone()?), 2)];
    let mut spawned = spawn(Launch { program, env: &env, fds, listen_pid: false, cpu: options.cpu })?;
    let answered = until_ok(address, options, || still_runs(&mut spawned.child));
    let announced = readable(&ready, Duration::ZERO);
    spawned.child.stop(STOP_LIMIT)?;
    match answered {
        Ok(_) => announced,
        Err(error) => bail!("{}: {error:#}{}", program.words.join(" "), last_lines(&mut stderr)),
    }
}

/// Whether there are bytes to read within `limit`. A closed, empty pipe has none.
fn readable(fd: &impl AsFd, limit: Duration) -> Result<bool> {
    let mut polled = [PollFd::new(fd, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec::try_from(limit)?))?;
    Ok(polled.iter().any(|fd| fd.revents().contains(PollFlags::IN)))
}

fn last_lines(stderr: &mut File) -> String {
    let mut text = Vec::new();
    if stderr.rewind().and_then(|()| stderr.read_to_end(&mut text)).is_err() {
        return String::new();
    }
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    lines.into_iter().rev().map(|line| format!("\n    {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn program_that_exits_is_an_error_with_its_stderr() {
        let words = ["sh", "-c", "echo no key is set >&2; exit 64"].map(str::to_owned);
        let program = Program::find(&words, "/bin").unwrap();
        let options = StartOptions { env: &[], path: "/", limit: Duration::from_secs(60), cpu: None };
        let error = methods_of(&program, &options).unwrap_err().to_string();
        assert!(error.contains("Exit(64)") && error.contains("no key is set"), "{error}");
    }
}
