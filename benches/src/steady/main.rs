//! Generates load: requests at a fixed rate, idle connections, and event streams whose delay it measures.
//! `scripts/measure-load.sh` runs it; `benches/README.md` explains the method.

mod args;
mod connection;
mod hold;
mod output;
mod poll;
mod requests;
mod response;
mod streams;
mod upstream;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::args::{Args, Mode};
use crate::output::say;

const COULD_NOT_MEASURE: u8 = 2;
const WRONG_COMMAND_LINE: u8 = 64;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "only main.rs reads the arguments")]
    let words = std::env::args().skip(1).collect();
    let args = match args::parse(words) {
        Ok(args) => args,
        Err(error) => return failed(WRONG_COMMAND_LINE, &error),
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(COULD_NOT_MEASURE, &error),
    }
}

fn run(args: &Args) -> Result<()> {
    raise_file_limit()?;
    match args.mode {
        Mode::Help => say(args::HELP),
        Mode::Requests => say(&serde_json::to_string(&requests::measure(args)?)?),
        Mode::Hold => hold::hold(args),
        Mode::Streams => say(&serde_json::to_string(&streams::measure(args)?)?),
        Mode::Upstream => upstream::serve(args),
    }
}

/// Raises the limit of open files to its maximum, because 10,000 connections need as many descriptors.
fn raise_file_limit() -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the limit of open files")
}

fn failed(code: u8, error: &anyhow::Error) -> ExitCode {
    eprintln!("steady: {error:#}");
    ExitCode::from(code)
}
