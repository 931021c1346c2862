//! The memory of connections, and how much of it is returned after they end.

use std::fs;
use std::time::{Duration, Instant};

use space_kit::testing::{Process, read_reply, send};

use crate::support::{get, metric, start};

/// The process's anonymous memory in bytes, without its file.
fn taken(process: &Process) -> usize {
    let path = format!("/proc/{}/smaps_rollup", process.id());
    let text = fs::read_to_string(path).expect("the process runs");
    let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:")).expect("Linux tells it");
    line.trim().strip_suffix(" kB").and_then(|number| number.parse::<usize>().ok()).expect("a number") * 1024
}

#[test]
fn an_idle_connection_uses_less_than_16_kib_and_most_of_it_is_returned() {
    const MANY: usize = 800;
    let process = start(&[]);
    let before = taken(&process);
    let idle: Vec<_> = (0..MANY)
        .map(|_| {
            let mut stream = send(process.address, get("/hello"));
            assert_eq!(read_reply(&mut stream, false).status, 200);
            stream
        })
        .collect();
    let each = (taken(&process) - before) / MANY;
    assert!(each < 16 * 1024, "{each} bytes each");
    drop(idle);
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let open = metric(&process.get("/metrics").text(), "space_http_connections");
        let left = taken(&process).saturating_sub(before);
        if open <= 1 && left < each * MANY / 4 {
            break;
        }
        assert!(Instant::now() < until, "{left} bytes are left of {}, {open} connections", each * MANY);
    }
}

#[test]
fn a_connection_takes_no_more_than_its_budget() {
    const COUNT: usize = 400;
    let process = start(&[("MAX_CONNECTIONS", "1000"), ("IDLE_TIMEOUT", "1h")]);
    process.get("/hello");
    let before = taken(&process);
    let head = format!("GET /hello HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(15_000));
    let mut idle: Vec<_> = (0..COUNT).map(|_| send(process.address, &head)).collect();
    for stream in &mut idle {
        assert_eq!(read_reply(stream, false).status, 200);
    }
    let each = taken(&process).saturating_sub(before) / COUNT;
    assert!(each <= 32 * 1024, "{each} bytes for each connection, and MAX_CONNECTIONS expects 32 KiB");
}
