//! A load that is steady: requests at a fixed rate, connections that are held, streams that tell how late
//! each event is. `scripts/measure-load.sh` calls it; `benches/README.md` has the method.

mod answer;
mod args;
mod connection;
mod hold;
mod poll;
mod requests;
#[path = "../../stats.rs"]
mod stats;
mod streams;
mod upstream;

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::args::{Args, Mode};

const COULD_NOT_MEASURE: u8 = 2;
const WRONG_LINE: u8 = 64;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "main.rs is where the process is looked at")]
    let words = std::env::args().skip(1).collect();
    let args = match args::parse(words) {
        Ok(args) => args,
        Err(error) => return failed(WRONG_LINE, &error),
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(COULD_NOT_MEASURE, &error),
    }
}

fn run(args: &Args) -> Result<()> {
    allow_many_files()?;
    match args.mode {
        Mode::Help => say(args::HELP),
        Mode::Requests => say(&serde_json::to_string(&requests::measure(args)?)?),
        Mode::Hold => hold::hold(args),
        Mode::Streams => say(&serde_json::to_string(&streams::measure(args)?)?),
        Mode::Upstream => upstream::serve(args),
    }
}

/// Ten thousand connections want as many descriptors: as many as the system lets this process have.
fn allow_many_files() -> Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("raising the number of open files")
}

/// One line, sent at once: a script waits for it.
fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("standard output")
}

fn failed(code: u8, error: &anyhow::Error) -> ExitCode {
    eprintln!("steady: {error:#}");
    ExitCode::from(code)
}
