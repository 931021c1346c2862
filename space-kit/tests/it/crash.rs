//! A crash restarts the process in place.

use std::os::unix::process::ExitStatusExt;

use space_kit::testing::{Process, read_reply, send};

use crate::panics::{assert_reset, assert_restarted};
use crate::support::{command_under, fields, get, metric, start};

const MANY: (&str, &str) = ("CRASH_BURST", "1000/60s");

/// Waits until the process has restarted so many times.
fn restarted(process: &Process, times: u64) {
    let line = fields(&process.log("\"listening\""));
    assert_eq!(line["restarts"], times, "{line}");
}

#[test]
fn each_fatal_signal_restarts_the_process_with_the_same_id_and_address() {
    let process = start(&[MANY]);
    assert_eq!(process.get("/hello").status, 200);
    for (times, signal) in (1..).zip(["SEGV", "BUS", "ILL", "FPE", "ABRT"]) {
        process.signal(signal);
        let line = fields(&process.log("\"crashed\""));
        assert_eq!(
            (line["cause"].as_str(), line["restarts"].as_u64()),
            (Some(signal), Some(times)),
            "{line}"
        );
        restarted(&process, times);
        assert_restarted(&process, times, signal);
        let text = process.get("/metrics").text();
        assert_eq!(metric(&text, &format!("space_restarts_total{{cause=\"{signal}\"}}")), 1);
    }
    let name = std::fs::read_to_string(format!("/proc/{}/comm", process.id())).unwrap();
    assert_eq!(name, "probe\n");
    assert!(process.stop().0.success());
}

#[test]
fn a_crash_as_the_first_request_of_each_restarted_process_restarts_it() {
    let process = start(&[MANY]);
    assert_eq!(process.get("/hello").status, 200);
    for times in 1..=20 {
        let mut stream = send(process.address, get("/crash/overflow"));
        assert_reset(&mut stream);
        restarted(&process, times);
    }
    assert_restarted(&process, 20, "SEGV");
}

#[test]
fn a_failed_allocation_restarts_the_process_under_its_own_name() {
    let process = start(&[MANY]);
    assert_eq!(process.get("/hello").status, 200);
    for times in 1..=3 {
        let mut stream = send(process.address, get("/crash/allocation"));
        assert_reset(&mut stream);
        restarted(&process, times);
    }
    assert_restarted(&process, 3, "allocation");
}

#[test]
fn three_crashes_before_the_first_response_end_the_process_with_status_70() {
    let process = start(&[MANY]);
    // Without a response, nothing tells when the handlers are installed, except that the kernel lists them.
    let handled = |process: &Process| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:\t")).unwrap();
        u64::from_str_radix(caught, 16).unwrap() & (1 << 10) != 0 // SIGSEGV is 11
    };
    while !handled(&process) {
        std::thread::yield_now();
    }
    for times in 1..=2 {
        process.signal("SEGV");
        restarted(&process, times);
    }
    process.signal("SEGV");
    let (status, lines) = process.wait();
    assert_eq!(status.code(), Some(70), "{lines:#?}");
    assert!(lines.concat().contains("three crashes before the first response"), "{lines:#?}");
}

#[test]
fn a_fourth_crash_in_a_minute_is_delayed() {
    let process = start(&[("CRASH_BURST", "1/60s")]);
    assert_eq!(process.get("/hello").status, 200);
    let mut waited = Vec::new();
    for times in 1..=8 {
        process.signal("SEGV");
        let before = std::time::Instant::now();
        restarted(&process, times);
        waited.push(before.elapsed().as_millis());
    }
    // The eighth waits for 640 ms: the delay doubles from 10 ms at the second.
    assert!(waited[7] >= 600, "{waited:?}");
}

#[test]
fn a_restart_is_charged_to_the_client_whose_request_crashed() {
    let process = start(&[MANY, ("TRUSTED_PROXY_HOPS", "1")]);
    let limited =
        |client: &str| process.request("GET", "/limited", &[("x-forwarded-for", client)], "").text();
    assert_eq!(limited("192.0.2.1"), "true");
    let crash = "GET /crash/overflow HTTP/1.1\r\nhost: probe\r\nx-forwarded-for: 192.0.2.1\r\n\r\n";
    assert_reset(&mut send(process.address, crash));
    assert_eq!(fields(&process.log("\"crashed\""))["client"], "192.0.2.1");
    restarted(&process, 1);
    assert_eq!((limited("192.0.2.1"), limited("192.0.2.2")), ("false".to_owned(), "true".to_owned()));
    process.signal("SEGV");
    restarted(&process, 2);
    assert_eq!(limited("192.0.2.1"), "true", "no request was being served");
}

#[test]
fn crash_restart_no_ends_the_process_as_the_signal_does() {
    for (path, signal) in [("/panic", 6), ("/crash/overflow", 11)] {
        let process = start(&[("CRASH_RESTART", "no")]);
        _ = send(process.address, get(path));
        assert_eq!(process.wait().0.signal(), Some(signal), "{path}");
    }
}

#[test]
fn restarts_leak_no_descriptor_and_no_variable() {
    let process = Process::spawn(command_under("exec 7</dev/null;", &[MANY, ("GREETING", "kept")]));
    let count = |what: &str| std::fs::read_dir(format!("/proc/{}/{what}", process.id())).unwrap().count();
    let environment = || std::fs::read(format!("/proc/{}/environ", process.id())).unwrap();
    assert_eq!(process.get("/hello").text(), "\"kept\"");
    let mut seen = Vec::new();
    for times in 1..=5 {
        process.signal("SEGV");
        restarted(&process, times);
        assert_eq!(process.get("/hello").text(), "\"kept\"");
        seen.push((environment().len(), count("fd").min(20)));
    }
    assert!(seen.windows(2).all(|pair| pair[0].0 == pair[1].0), "{seen:?}");
    assert!(seen.iter().all(|(_, descriptors)| *descriptors <= 12), "{seen:?}");
}

#[test]
fn connections_that_wait_while_the_process_restarts_are_served() {
    let process = start(&[MANY]);
    assert_eq!(process.get("/hello").status, 200);
    process.signal("STOP");
    process.signal("SEGV");
    let mut waiting: Vec<_> = (0..20).map(|_| send(process.address, get("/hello"))).collect();
    process.signal("CONT");
    for stream in &mut waiting {
        assert_eq!(read_reply(stream, false).status, 200);
    }
}
