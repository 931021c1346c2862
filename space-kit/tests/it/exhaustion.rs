//! Without free file descriptors, the service waits, logs at a bounded rate, and recovers.

use std::io::Write;
use std::time::Duration;

use space_kit::testing::{Process, Stream, read_reply, send};

use crate::support::{command_under, fields, get};

/// Processor time used so far, in hundredths of a second (proc_pid_stat(5), fields 14 and 15).
fn ticks(process: &Process) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    let after_name = stat.rsplit_once(") ").unwrap().1;
    after_name.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

fn time(line: &str) -> Duration {
    let text = fields(line)["time"].as_str().unwrap().to_owned();
    let clock: Vec<f64> = text[11..23].split(':').map(|part| part.parse().unwrap()).collect();
    Duration::from_secs_f64(clock[0] * 3600.0 + clock[1] * 60.0 + clock[2])
}

#[test]
fn without_free_descriptors_the_service_waits_without_spinning_and_recovers() {
    let process =
        Process::spawn(command_under("ulimit -n 32;", &[("IDLE_TIMEOUT", "1h"), ("HEADER_TIMEOUT", "1h")]));
    let mut first = send(process.address, get("/hello"));
    assert_eq!(read_reply(&mut first, false).status, 200);
    let crowd: Vec<Stream> = (0..40).map(|_| send(process.address, "GET /hel")).collect();

    let mut last = time(&process.log("cannot accept"));
    let before = ticks(&process);
    for _ in 0..4 {
        let lines = process.log_until("cannot accept");
        let now = time(lines.last().unwrap());
        let apart = now.saturating_sub(last);
        // After midnight the time of day restarts at zero.
        assert!(now < last || apart >= Duration::from_millis(240), "two lines within {apart:?}: {lines:#?}");
        assert_eq!(lines.len(), 1, "{lines:#?}");
        last = now;
    }
    assert!(ticks(&process) - before < 20, "it spins: {} ticks", ticks(&process) - before);

    first.get_mut().write_all(get("/hello").as_bytes()).unwrap();
    assert_eq!(read_reply(&mut first, false).status, 200, "whoever is connected is served");
    let mut waiting = send(process.address, get("/hello"));
    drop(crowd);
    assert_eq!(read_reply(&mut waiting, false).status, 200, "whoever waited is served when there is room");
    assert_eq!(process.get("/hello").status, 200);
}

#[test]
fn a_limit_of_open_files_below_max_connections_is_logged_at_the_start() {
    for most in ["16384", &u64::MAX.to_string()] {
        let cannot_listen = ("HOST", "192.0.2.1"); // so that the process ends
        let command = command_under("ulimit -n 64;", &[cannot_listen, ("MAX_CONNECTIONS", most)]);
        let told = String::from_utf8(Process::run(command).stderr).unwrap();
        let line = fields(told.lines().next().unwrap());
        assert_eq!(line["message"], "MAX_CONNECTIONS exceeds the limit of open files");
        assert_eq!((line["open_files"].as_u64(), line["level"].as_str()), (Some(64), Some("warn")));
    }
}
