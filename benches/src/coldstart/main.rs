//! Measures how soon a server answers, its size and its memory. `benches/README.md` explains the method,
//! its limits and its bias.

mod args;
mod container;
mod footprint;
mod process;
mod progress;
mod report;
mod run;
mod start;

use std::fs;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};

use crate::progress::Progress;
use crate::run::{Env, measure};

const MEASURED: u8 = 0;
const GATE_MISSED: u8 = 1;
const COULD_NOT_MEASURE: u8 = 2;
const WRONG_COMMAND_LINE: u8 = 64;
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "only main.rs reads the arguments and the environment")]
    let (words, env) = (std::env::args().skip(1).collect(), std::env::vars().collect());
    ExitCode::from(run(words, &env).unwrap_or_else(|(code, error)| {
        eprintln!("coldstart: {error:#}");
        code
    }))
}

/// Returns the exit code; an error comes with its own.
fn run(words: Vec<String>, env: &Env) -> Result<u8, (u8, anyhow::Error)> {
    let could_not = |error| (COULD_NOT_MEASURE, error);
    if let [first, rest @ ..] = words.as_slice()
        && first == "compare"
    {
        let [old, new] = rest else {
            return Err((WRONG_COMMAND_LINE, anyhow!("usage: coldstart compare OLD.json NEW.json")));
        };
        return report::compare(old, new).and_then(|text| say(&text)).map(|()| MEASURED).map_err(could_not);
    }
    let args = args::parse(words.clone()).map_err(|error| (WRONG_COMMAND_LINE, error))?;
    let Some(args) = args else { return say(args::HELP).map(|()| MEASURED).map_err(could_not) };
    let measured = || {
        let progress = Progress::begin()?;
        // The record must not depend on where the sources are on this machine.
        let source = fs::canonicalize(&args.source).context("--source")?.display().to_string();
        let report = measure(&args, words, env, &progress)?;
        // Print first, so that an error while writing the file does not lose the figures.
        say(&report::print(&report).replace(&source, "."))?;
        if let Some(file) = &args.json {
            let json = serde_json::to_string(&report)?.replace(&source, ".") + "\n";
            fs::write(file, json).with_context(|| file.display().to_string())?;
        }
        Ok(match report {
            _ if report.partial => INTERRUPTED,
            _ if report::gate_missed(&report.verdicts) => GATE_MISSED,
            _ => MEASURED,
        })
    };
    measured().map_err(could_not)
}

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("standard output")
}
