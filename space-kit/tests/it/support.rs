//! Helpers of the tests: the probe as a process, requests as text, errors and log lines.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use space_kit::testing::{Process, Reply};

/// The program under test: the one that the variable PROBE names, such as the static binary that ships, or the example
/// `probe`, which cargo builds beside the tests.
#[allow(clippy::disallowed_methods)] // a test, not a service
pub(crate) fn probe() -> PathBuf {
    if let Some(named) = std::env::var_os("PROBE") {
        let named = PathBuf::from(named);
        assert!(
            named.is_absolute() && named.exists(),
            "PROBE: {} is not the absolute path of a file",
            named.display()
        );
        return named;
    }
    let test = std::env::current_exe().expect("a test knows its own path");
    let built = test.parent().and_then(|deps| deps.parent()).expect("the test is in a target directory");
    let probe = built.join("examples/probe");
    assert!(probe.exists(), "{} is not built: cargo build -p space-kit --examples", probe.display());
    probe
}

/// A running probe.
pub(crate) fn start(env: &[(&str, &str)]) -> Process {
    Process::start(probe(), env)
}

/// A command for the probe with arguments.
pub(crate) fn command(args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Process::command(probe(), env);
    command.args(args);
    command
}

/// The probe started by a shell, which prepares descriptors or limits and then executes it.
pub(crate) fn command_under(shell: &str, env: &[(&str, &str)]) -> Command {
    let mut command = Process::command("/bin/sh", env);
    command.args(["-c", &format!("{shell} exec \"$0\"")]).arg(probe());
    command
}

/// A GET request.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: probe\r\n\r\n")
}

/// The head of a POST request with one more header.
pub(crate) fn post(path: &str, header: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: probe\r\n{header}\r\n\r\n")
}

/// One chunk of a chunked body.
pub(crate) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// A log line's fields.
pub(crate) fn fields(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The value of a metric by its full name with labels.
pub(crate) fn metric(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in\n{text}"))
}

/// Fails unless the response is an error that the probe rendered, with the headers of every error.
#[track_caller]
pub(crate) fn assert_error(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.status, status, "{}", reply.text());
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "no-store");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert!(!reply.header("x-request-id").is_empty(), "{:?}", reply.headers);
    assert!(!reply.header("date").is_empty(), "{:?}", reply.headers);
    let body = reply.json();
    assert_eq!(body["code"], code, "{body}");
    let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["code", "message", "param"]);
    assert!(!body["message"].as_str().unwrap().is_empty());
}
