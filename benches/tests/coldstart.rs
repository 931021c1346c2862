//! The harness as a person runs it, against the C control.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own with the control in it.
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
fn the_record_keeps_every_raw_run_and_the_machine_behind_it() {
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
    assert!(record["engine"]["skipped"].is_string(), "nothing is run in a container unless asked for");
}

#[test]
fn what_was_left_out_is_said_beside_the_figures() {
    let output = Bench::new().coldstart("", &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    for said in ["p50 ms", "inherited listener", "Excluded everywhere: pulling the image"] {
        assert!(text.contains(said), "{said}\n{text}");
    }
}

#[test]
fn a_server_that_knows_only_port_is_polled_and_so_is_the_control() {
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
fn named_commands_are_measured_in_one_run_each_in_its_row() {
    let bench = Bench::new();
    let mut coldstart = bench.command("--json out.json --svg out.svg --markdown");
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
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("| variant | method | n |"), "{text}");
    let picture = std::fs::read_to_string(bench.path("out.svg")).unwrap();
    assert!(picture.starts_with("<svg ") && picture.contains(">two</text>"), "{picture}");
}

#[test]
fn an_evicted_start_has_a_row_of_its_own_or_its_reason() {
    let bench = Bench::new();
    let output = bench.coldstart("--evicted --binary one=control --json out.json", &[]);
    assert!(output.status.success(), "{output:?}");
    let one = &bench.json("out.json")["variants"][1];
    let evicted =
        one["starts"].as_array().unwrap().iter().filter(|start| start["cache"] == "evicted").count();
    let said = one["notes"].to_string();
    assert!(evicted == 1 || said.contains("cannot be taken out of the page cache"), "{one}");
}

#[test]
fn an_interrupted_run_gives_what_it_has_and_says_so() {
    let bench = Bench::new();
    let mut coldstart = bench.command("--runs 1000000 --binary one=control --json out.json");
    let mut run = coldstart.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It says so once the handler is in place and the rounds begin.
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
fn a_record_compared_with_itself_has_not_moved() {
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
fn only_a_missed_gate_fails_the_run() {
    let bench = Bench::new();
    let row = |bound: &str| {
        format!("[[row]]\nname = \"n\"\nsubjects = [\"one\"]\nmetric = \"binary-bytes\"\n{bound} = 1\n")
    };
    for (bound, code, said) in [("goal", 0, "missed"), ("gate", 1, "GATE MISSED")] {
        std::fs::write(bench.path("goals.toml"), row(bound)).unwrap();
        let output = bench.coldstart("--binary one=control --goals goals.toml", &[]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains(said));
    }
}

#[test]
fn a_server_that_does_not_start_gives_no_figures_but_its_last_words() {
    let output = Bench::new().coldstart("", &["--", "sh", "-c", "echo no key is set >&2; exit 64"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8(output.stderr).unwrap().contains("no key is set"));
}

#[test]
fn what_cannot_be_measured_at_all_gives_no_figures_and_says_why() {
    let bench = Bench::new();
    for (line, command, said) in [
        ("--image nowhere/nothing:0", vec![], "no"),
        ("", vec!["--", "./nothing"], "./nothing: no program of this name"),
        ("--binary one=nothing", vec![], "nothing: no program of this name"),
        ("", vec!["--", "true"], "the server ended before its first answer"),
        ("--limit 0.2", vec!["--", "sleep", "60"], "no 200 within 200ms"),
        ("--path /nothing/ --limit 0.2 --binary one=false", vec![], "false"),
    ] {
        let output = bench.coldstart(line, &command);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line} {command:?}: {error}");
        assert!(error.contains(said), "{line} {command:?}: {error}");
        assert!(output.stdout.is_empty(), "{line} {command:?}");
    }
}

#[test]
fn a_wrong_command_line_is_64_as_everywhere_in_this_project() {
    assert_eq!(Bench::new().coldstart("--rums 3", &[]).status.code(), Some(64));
}
