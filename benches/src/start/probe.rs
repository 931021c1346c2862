//! Finds out, untimed, which methods a program allows: a stranger's server need not know any of them.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{LISTENER, Method, READY, STOP_LIMIT, Setting, free_port, polled};
use crate::http;
use crate::process::{Child, Launch, Program, spawn};

const PAUSE: Duration = Duration::from_millis(1);

/// The methods that suit this program, best first; never empty.
pub(crate) fn methods_of(program: &Program, setting: &Setting<'_>) -> Result<Vec<Method>> {
    let inherited = takes_listener(program, setting)?.then_some(Method::InheritedListener);
    let own = match (inherited, announces(program, setting)) {
        (_, Ok(true)) => Some(Method::BindIncluded),
        (Some(_), _) => None,
        (None, Ok(false)) => Some(Method::ConnectPolling),
        (None, Err(error)) => return Err(error),
    };
    Ok(inherited.into_iter().chain(own).collect())
}

fn takes_listener(program: &Program, setting: &Setting<'_>) -> Result<bool> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let connection = http::send(listener.local_addr()?, setting.path, setting.limit)?;
    let own = free_port()?;
    let env = setting.env_with(&[("PORT", own.port().to_string()), ("LISTEN_FDS", "1".to_owned())]);
    let fds = vec![(OwnedFd::from(listener), LISTENER)];
    let mut spawned = spawn(Launch { program, env: &env, fds, listen_pid: true, cpu: setting.cpu })?;
    let answered = answers_there(connection, own, &mut spawned.child, setting.limit);
    spawned.child.stop(STOP_LIMIT)?;
    answered
}

/// True when the waiting request is answered; false when the program ends or listens on `own` instead.
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

/// True when the program writes to `READY_FD` before it answers on `PORT`. An error when it does not
/// answer at all, with the last of what it said.
fn announces(program: &Program, setting: &Setting<'_>) -> Result<bool> {
    let address = free_port()?;
    let (ready, announce) = pipe_with(PipeFlags::CLOEXEC)?;
    let mut said = tempfile::tempfile()?;
    let env = setting.env_with(&[("PORT", address.port().to_string()), ("READY_FD", READY.to_string())]);
    let fds = vec![(announce, READY), (OwnedFd::from(said.try_clone()?), 2)];
    let mut spawned = spawn(Launch { program, env: &env, fds, listen_pid: false, cpu: setting.cpu })?;
    let answered = polled::until_ok(address, setting, || polled::still_runs(&mut spawned.child));
    let announced = readable(&ready, Duration::ZERO);
    spawned.child.stop(STOP_LIMIT)?;
    match answered {
        Ok(_) => announced,
        Err(error) => bail!("{}: {error:#}{}", program.words.join(" "), last_words(&mut said)),
    }
}

/// Anything to read within `limit`; a closed pipe that never held a byte has nothing.
fn readable(fd: &impl AsFd, limit: Duration) -> Result<bool> {
    let mut watched = [PollFd::new(fd, PollFlags::IN)];
    poll(&mut watched, Some(&Timespec::try_from(limit)?))?;
    Ok(watched.iter().any(|seen| seen.revents().contains(PollFlags::IN)))
}

fn last_words(said: &mut File) -> String {
    let mut text = Vec::new();
    if said.rewind().and_then(|()| said.read_to_end(&mut text)).is_err() {
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
    fn a_program_that_dies_is_an_error_with_its_last_words() {
        let words = ["sh", "-c", "echo no key is set >&2; exit 64"].map(str::to_owned);
        let program = Program::find(&words, "/bin").unwrap();
        let setting = Setting { env: &[], path: "/", limit: Duration::from_secs(60), cpu: None };
        let error = methods_of(&program, &setting).unwrap_err().to_string();
        assert!(error.contains("Exit(64)") && error.contains("no key is set"), "{error}");
    }
}
