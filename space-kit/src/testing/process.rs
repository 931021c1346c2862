//! A service as a process, and its log.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Instant;

use super::http::{PATIENCE, TestResponse, exchange};

/// A running service. Dropping it kills it.
pub struct Process {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    /// A command whose environment is only `env` and the defaults of a test: a free port on loopback under any
    /// name, JSON log.
    pub fn command(program: impl AsRef<Path>, env: &[(&str, &str)]) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().envs([
            ("HOST", "127.0.0.1"),
            ("PORT", "0"),
            ("LOG_FORMAT", "json"),
            ("ALLOWED_HOSTS", "*"),
        ]);
        command.envs(env.iter().copied());
        command
    }

    /// Starts a program and waits until it listens.
    pub fn start(program: impl AsRef<Path>, env: &[(&str, &str)]) -> Process {
        Process::spawn(Process::command(program, env))
    }

    /// Starts a prepared command and waits until it listens.
    pub fn spawn(mut command: Command) -> Process {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
        let stderr = child.stderr.take().expect("standard error is piped");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                _ = sender.send(line);
            }
        });
        let mut process = Process { address: SocketAddr::from(([0, 0, 0, 0], 0)), child, lines };
        let line = process.log("listening");
        let line: serde_json::Value = serde_json::from_str(&line).expect("a log line is JSON");
        process.address = line["address"].as_str().and_then(|text| text.parse().ok()).expect("an address");
        process
    }

    /// Waits for a log line that contains `needle`, and returns it.
    pub fn log(&self, needle: &str) -> String {
        self.log_until(needle).pop().expect("the line itself is included")
    }

    /// Waits for a log line that contains `needle`, and returns all unread lines up to it.
    pub fn log_until(&self, needle: &str) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            seen.push(line);
            if seen.last().is_some_and(|line| line.contains(needle)) {
                return seen;
            }
        }
        panic!("no log line contains {needle:?}: {seen:#?}");
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// GETs a path.
    pub fn get(&self, path: &str) -> TestResponse {
        self.request("GET", path, &[], "")
    }

    /// Sends one request with a `Host` header and, if there is a body, its length.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> TestResponse {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        exchange(self.address, request + "\r\n" + body)
    }

    /// Waits until the process ends, and returns its exit status and the unread log lines.
    pub fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let mut rest = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => rest.push(line),
                Err(RecvTimeoutError::Timeout) => panic!("the process does not end: {rest:#?}"),
                Err(RecvTimeoutError::Disconnected) => break, // the process has ended: standard error is closed
            }
        }
        (self.child.wait().expect("the process ends"), rest)
    }

    /// Runs a command that ends by itself, and returns its status and output.
    pub fn run(mut command: Command) -> Output {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("the program starts");
        let id = child.id();
        let (sender, output) = channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        output.recv_timeout(PATIENCE).map_or_else(
            |_| {
                _ = Command::new("kill").args(["-s", "KILL", &id.to_string()]).status();
                panic!("{command:?} does not end")
            },
            |output| output.expect("the output can be read"),
        )
    }

    /// Sends TERM, then waits as [`Process::wait`] does.
    pub fn stop(self) -> (ExitStatus, Vec<String>) {
        self.signal("TERM");
        self.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
