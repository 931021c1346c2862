//! Runs `coldstart` from its command line, against the C control.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A temporary folder with the control in it.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap() };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("control/build.sh");
        let built =
            Command::new("sh").arg(script).arg(bench.path("control")).arg("--any-libc").status().unwrap();
        assert!(built.success(), "the control does not compile");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let mut coldstart = Command::new(env!("CARGO_BIN_EXE_coldstart"));
        coldstart.current_dir(&self.folder).args(["--control", "control", "--runs", "3", "--settle", "0"]);
        coldstart.args(line.split_whitespace());
        coldstart
    }

    fn coldstart(&self, line: &str, command: &[&str]) -> Output {
        self.command(line).args(command).output().unwrap()
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }
}

fn methods(variant: &Value) -> Vec<&str> {
    variant["starts"].as_array().unwrap().iter().map(|start| start["method"].as_str().unwrap()).collect()
}

#[test]
fn json_has_every_run_and_describes_the_machine() {
    let bench = Bench::new();
    let output = bench.coldstart("--binary one=control --json out.json", &[]);
    assert!(output.status.success(), "{output:?}");

    let record = bench.json("out.json");
    assert_eq!(record["schema"], 1);
    for field in ["kernel", "cpu", "load_before", "load_after"] {
        assert!(!record["host"][field].as_str().unwrap().is_empty(), "{field}");
    }
    assert_eq!(
        (&record["variants"][0]["name"], &record["variants"][1]["name"]),
        (&"c-control".into(), &"one".into())
    );
    for variant in record["variants"].as_array().unwrap() {
        assert_eq!(methods(variant), ["inherited-listener", "bind-included"]);
        for start in variant["starts"].as_array().unwrap() {
            assert_eq!(start["n"], 3);
            assert_eq!(start["runs_ns"].as_array().unwrap().len(), 3);
            assert_eq!(start["runs_from_clone_ns"].as_array().unwrap().len(), 3);
            assert!(start["p50_ns"].as_u64().unwrap() <= start["max_ns"].as_u64().unwrap());
            assert!(start["ratio_to_control"].as_f64().unwrap() > 0.0);
        }
        assert!(variant["memory"]["measured"]["idle"]["pss_bytes"].as_u64().unwrap() > 0);
        assert!(variant["memory"]["measured"]["page_faults"].as_u64().unwrap() > 0);
        let calls = &variant["syscalls"];
        assert!(calls["measured"]["to_first_answer"].is_u64() || calls["skipped"].is_string(), "{calls}");
    }
    assert!(record["engine"]["skipped"].is_string(), "no container runs unless an image is given");
}

#[test]
fn output_says_what_the_figures_exclude() {
    let output = Bench::new().coldstart("", &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in ["p50 ms", "inherited listener", "No figure includes pulling the image"] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn server_that_supports_only_port_is_polled_and_so_is_the_control() {
    let bench = Bench::new();
    let command = ["--", "sh", "-c", "unset LISTEN_FDS READY_FD; exec ./control"];
    let output = bench.coldstart("--json out.json", &command);
    assert!(output.status.success(), "{output:?}");
    let record = bench.json("out.json");
    assert_eq!(methods(&record["variants"][0]), ["inherited-listener", "bind-included", "connect-polling"]);
    assert_eq!(methods(&record["variants"][1]), ["connect-polling"]);
    assert!(record["variants"][1]["starts"][0]["ratio_to_control"].is_f64());
    assert!(String::from_utf8(output.stdout).unwrap().contains("up to 1 ms late"));
}

#[test]
fn named_commands_are_variants_of_one_run() {
    let bench = Bench::new();
    let mut coldstart = bench.command("--json out.json");
    let output = coldstart
        .args(["--command", "one=sh -c 'exec ./control'", "--command", "two=./control"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let record = bench.json("out.json");
    let names: Vec<_> =
        record["variants"].as_array().unwrap().iter().map(|variant| &variant["name"]).collect();
    assert_eq!(names, ["c-control", "one", "two"]);
    let ratio = &record["variants"][1]["starts"][0];
    let (low, high) =
        (ratio["ratio_interval"][0].as_f64().unwrap(), ratio["ratio_interval"][1].as_f64().unwrap());
    assert!(0.0 < low && low <= high, "{ratio}");
    // The printed text is what --record keeps, so it must have the command and each variant.
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in ["arguments: --control control --runs 3", "  one ", "  two "] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn evicted_starts_are_a_series_or_have_a_reason() {
    let bench = Bench::new();
    let output = bench.coldstart("--evicted --binary one=control --json out.json", &[]);
    assert!(output.status.success(), "{output:?}");
    let one = &bench.json("out.json")["variants"][1];
    let evicted =
        one["starts"].as_array().unwrap().iter().filter(|start| start["cache"] == "evicted").count();
    let notes = one["notes"].to_string();
    assert!(evicted == 1 || notes.contains("cannot be taken out of the page cache"), "{one}");
}

#[test]
fn interrupted_run_prints_partial_figures_and_marks_them() {
    let bench = Bench::new();
    let mut coldstart = bench.command("--runs 1000000 --binary one=control --json out.json");
    let mut run = coldstart.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The first line is printed after the signal handler is installed and before the rounds.
    let mut line = String::new();
    BufReader::new(run.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("rounds of"), "{line}");
    let pid = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("PARTIAL"));
    assert_eq!(bench.json("out.json")["partial"], true);
}

#[test]
fn compare_finds_no_change_in_the_same_record_and_finds_a_slower_one() {
    let bench = Bench::new();
    let output = bench.coldstart("--binary one=control --json out.json", &[]);
    assert!(output.status.success(), "{output:?}");
    let mut record = bench.json("out.json");
    let compare = || {
        let mut coldstart = Command::new(env!("CARGO_BIN_EXE_coldstart"));
        let output =
            coldstart.current_dir(&bench.folder).args(["compare", "out.json", "new.json"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    std::fs::copy(bench.path("out.json"), bench.path("new.json")).unwrap();
    let same = compare();
    assert!(
        same.contains("within noise") && !same.contains("slower") && !same.contains("binary bytes"),
        "{same}"
    );

    for start in record["variants"][1]["starts"].as_array_mut().unwrap() {
        start["ratio_to_control"] = (start["ratio_to_control"].as_f64().unwrap() * 1000.0).into();
        for run in start["runs_ns"].as_array_mut().unwrap() {
            *run = (run.as_u64().unwrap() * 1000).into();
        }
    }
    record["variants"][1]["binary_bytes"]["measured"] = 1.into();
    std::fs::write(bench.path("new.json"), record.to_string()).unwrap();
    let moved = compare();
    assert!(moved.contains("slower") && moved.contains("binary bytes"), "{moved}");
}

#[test]
fn missed_gate_fails_the_run_and_missed_goal_does_not() {
    let bench = Bench::new();
    let row = |bound: &str| {
        format!("[[row]]\nname = \"n\"\nsubjects = [\"one\"]\nmetric = \"binary-bytes\"\n{bound} = 1\n")
    };
    for (bound, code, expected) in [("goal", 0, "missed"), ("gate", 1, "GATE MISSED")] {
        std::fs::write(bench.path("goals.toml"), row(bound)).unwrap();
        let output = bench.coldstart("--binary one=control --goals goals.toml", &[]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains(expected));
    }
}

#[test]
fn server_that_does_not_start_gives_its_stderr_instead_of_figures() {
    let output = Bench::new().coldstart("", &["--", "sh", "-c", "echo no key is set >&2; exit 64"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8(output.stderr).unwrap().contains("no key is set"));
}

#[test]
fn variant_that_cannot_be_measured_gives_a_reason_instead_of_figures() {
    let bench = Bench::new();
    for (line, command, expected) in [
        ("--image nowhere/nothing:0", vec![], "no"),
        ("", vec!["--", "./nothing"], "./nothing: no such executable file"),
        ("--binary one=nothing", vec![], "nothing: no such executable file"),
        ("", vec!["--", "true"], "the server ended before its first response"),
        ("--limit 0.2", vec!["--", "sleep", "60"], "no 200 within 200ms"),
        ("--path /nothing/ --limit 0.2 --binary one=false", vec![], "false"),
    ] {
        let output = bench.coldstart(line, &command);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line} {command:?}: {error}");
        assert!(error.contains(expected), "{line} {command:?}: {error}");
        assert!(output.stdout.is_empty(), "{line} {command:?}");
    }
}

#[test]
fn wrong_command_line_is_exit_code_64() {
    assert_eq!(Bench::new().coldstart("--rums 3", &[]).status.code(), Some(64));
}
