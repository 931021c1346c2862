//! A program that runs a service as a library, without `program!`, has no restart, and a crash ends it.

use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use space_kit::testing::{Process, send};
use space_kit::{Bytes, Route, Service, respond, vars};

use crate::support::get;

static SERVICE: Service<()> = Service {
    name: "library",
    version: "0",
    about: "a service that a test runs",
    commands: &[],
    vars: &[],
    defaults: &[],
    sites: &vars::CORS_ORIGINS,
    configure: |_, _| Some(()),
    routes: &[
        Route::get("/hello", |_| respond::no_content().into()),
        Route::get("/panic", |_| panic!("in a library")),
    ],
    openapi: "{}",
    statuses: &[],
    render: |_, _, _| Bytes::new(),
    metrics: |_, _| {},
    expose: "",
    degraded: |()| Vec::new(),
    other_names: "",
    budgets: |()| Vec::new(),
};

#[test]
#[ignore = "the program of the next test"]
fn serve() {
    let env = [("HOST", "127.0.0.1"), ("PORT", "0"), ("LOG_FORMAT", "json"), ("ALLOWED_HOSTS", "*")];
    let env = env.map(|(name, value)| (OsStr::new(name), OsStr::new(value)));
    space_kit::main(&SERVICE, std::iter::empty(), &env);
}

/// The program, after its first response: then a service that can restart has its handlers.
fn start() -> Process {
    let mut command = Process::command(std::env::current_exe().unwrap(), &[]);
    command.args(["--exact", "library::serve", "--ignored", "--nocapture"]).stdout(Stdio::null());
    let process = Process::spawn(command);
    assert_eq!(process.get("/hello").status, 204);
    process
}

#[test]
fn a_panic_aborts_a_program_that_runs_a_service_as_a_library() {
    let process = start();
    _ = send(process.address, get("/panic"));
    let (status, lines) = process.wait();
    assert_eq!(status.signal(), Some(6), "{status} {lines:#?}");
    assert_eq!(lines.iter().filter(|line| line.contains("in a library")).count(), 1, "{lines:#?}");
}

#[test]
fn a_fatal_signal_ends_a_program_that_runs_a_service_as_a_library() {
    for (name, number) in [("ABRT", 6), ("ILL", 4), ("FPE", 8)] {
        let process = start();
        process.signal(name);
        let (status, lines) = process.wait();
        assert_eq!(status.signal(), Some(number), "{name}: {status} {lines:#?}");
    }
}
