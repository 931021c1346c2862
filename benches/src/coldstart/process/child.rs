//! A child process: stopped by SIGTERM, reaped, and never left behind.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, kill_process, pidfd_open, waitpid};

/// Dropping it before it is stopped kills and reaps the process.
pub(crate) struct Child {
    pid: Pid,
    end: Option<Ended>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ended {
    Exit(i32),
    Signal(i32),
    /// It was still running when the limit after SIGTERM passed.
    Killed,
}

impl Child {
    /// Returns `None` for the result of a failed `clone`.
    pub(super) fn new(pid: i32) -> Option<Self> {
        let pid = Pid::from_raw(pid.max(0))?;
        Some(Self { pid, end: None })
    }

    pub(crate) fn id(&self) -> i32 {
        self.pid.as_raw_pid()
    }

    /// How the process ended; `None` while it runs.
    pub(crate) fn ended(&mut self) -> Result<Option<Ended>> {
        if self.end.is_none() {
            let status = waitpid(Some(self.pid), WaitOptions::NOHANG).context("waiting for the server")?;
            self.end = status.map(|(_, status)| ended(status));
        }
        Ok(self.end)
    }

    /// Sends SIGTERM and waits, then SIGKILL after `limit`. Returns how the process ended, even if that
    /// was before this call.
    pub(crate) fn stop(mut self, limit: Duration) -> Result<Ended> {
        if let Some(earlier) = self.ended()? {
            return Ok(earlier);
        }
        let limit = Timespec::try_from(limit).context("the time limit")?;
        let handle = pidfd_open(self.pid, PidfdFlags::empty()).context("pidfd_open")?;
        kill_process(self.pid, Signal::TERM).context("sending SIGTERM")?;
        let mut polled = [PollFd::new(&handle, PollFlags::IN)];
        if poll(&mut polled, Some(&limit)).context("waiting for the server to exit")? == 0 {
            return Ok(Ended::Killed);
        }
        // Blocks while a tracer such as strace has not yet detached.
        let status = waitpid(Some(self.pid), WaitOptions::empty()).context("waiting for the server")?;
        let (_, status) = status.context("an exited process has no status")?;
        Ok(*self.end.insert(ended(status)))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.end.is_none() {
            let _gone_already = kill_process(self.pid, Signal::KILL);
            let _reaped_already = waitpid(Some(self.pid), WaitOptions::empty());
        }
    }
}

fn ended(status: WaitStatus) -> Ended {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ended::Exit(code),
        (None, signal) => Ended::Signal(signal.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::{Launch, Program, spawn};
    use super::*;

    /// Runs a shell command and returns once it has written to fd 3.
    fn shell(line: &str) -> Child {
        let words = ["sh", "-c", line].map(str::to_owned);
        let program = Program::find(&words, "/bin").unwrap();
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let env = [("PATH".to_owned(), "/bin".to_owned())];
        let fds = vec![(write, 3)];
        let launch = Launch { program: &program, env: &env, fds, listen_pid: false, cpu: None };
        let child = spawn(launch).unwrap().child;
        std::fs::File::from(read).read_exact(&mut [0]).unwrap();
        child
    }

    #[test]
    fn stop_sends_sigterm_and_returns_the_exit_status() {
        let child = shell("trap 'exit 7' TERM; echo >&3; while :; do :; done");
        assert_eq!(child.stop(Duration::from_secs(10)).unwrap(), Ended::Exit(7));
        let child = shell("echo >&3; exec sleep 1000");
        assert_eq!(child.stop(Duration::from_secs(10)).unwrap(), Ended::Signal(libc::SIGTERM));
    }

    #[test]
    fn server_that_ignores_sigterm_is_killed_and_reported() {
        let child = shell("trap '' TERM; echo >&3; exec sleep 1000");
        assert_eq!(child.stop(Duration::from_millis(1)).unwrap(), Ended::Killed);
    }
}
