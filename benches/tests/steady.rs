//! Runs `steady` from its command line, against its own upstream.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

fn steady(line: &str) -> Command {
    let mut steady = Command::new(env!("CARGO_BIN_EXE_steady"));
    steady.args(line.split_whitespace()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    steady
}

fn json(line: &str) -> Value {
    let output = steady(line).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
    first_line: String,
}

impl Running {
    fn new(line: &str) -> Self {
        let mut child = steady(line).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut first_line = String::new();
        out.read_line(&mut first_line).unwrap();
        Self { child, out, first_line: first_line.trim().to_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

#[test]
fn all_due_requests_are_counted() {
    let upstream = Running::new("upstream 127.0.0.1:0");
    let at = &upstream.first_line;
    let closed = json(&format!("requests {at} --count 500 --connections 8"));
    assert_eq!(
        (&closed["answered"], &closed["unanswered"], &closed["not_200"]),
        (&500.into(), &0.into(), &0.into())
    );
    assert!(closed["own_delay"].is_null(), "without a rate, no request has a due time");
    let open = json(&format!("requests {at} --rate 200 --seconds 0.5 --body {{}}"));
    assert_eq!((&open["answered"], &open["latency"]["n"]), (&100.into(), &100.into()));
}

#[test]
fn stall_delays_every_request_that_is_due_meanwhile() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        for number in 0.. {
            if stream.read(&mut request).unwrap() == 0 {
                return;
            }
            if number == 10 {
                thread::sleep(Duration::from_millis(500)); // the stall under test
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    // The server stalls one request in a hundred, but fifty are due meanwhile.
    let found = json(&format!("requests {at} --rate 100 --seconds 1 --connections 1"));
    assert_eq!(found["answered"], 100);
    assert!(found["latency"]["p90_ns"].as_u64().unwrap() > 200_000_000, "{found}");
}

#[test]
fn all_events_of_all_streams_are_counted() {
    let upstream = Running::new("upstream 127.0.0.1:0 --seconds 0.5 --events 20");
    let at = &upstream.first_line;
    let body = r#"--body {"stream":true}"#;
    let found = json(&format!("streams {at} {body} --connections 20 --seconds 0.5 --events 20"));
    assert_eq!((&found["streams"], &found["events"]), (&20.into(), &200.into()));
    let output = steady(&format!("streams {at} {body} --connections 2 --seconds 1")).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "a stream that ends early is not a measurement");
}

#[test]
fn connections_are_held_until_stdin_ends() {
    let upstream = Running::new("upstream 127.0.0.1:0");
    let mut hold = Running::new(&format!("hold {} --connections 50", upstream.first_line));
    assert_eq!(hold.first_line, r#"{"held":50}"#);
    drop(hold.child.stdin.take());
    let mut rest = String::new();
    hold.out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest.trim(), r#"{"open":50}"#);
}

#[test]
fn wrong_command_line_is_exit_code_64() {
    assert_eq!(steady("requests nowhere").output().unwrap().status.code(), Some(64));
}
