//! How soon a server answers, and what it weighs. Method, limits and bias: `benches/README.md`.

mod args;
mod container;
mod cpus;
mod footprint;
mod goals;
mod host;
mod http;
mod measure;
mod print;
mod process;
mod ratio;
mod report;
mod start;
mod stats;
mod subject;
mod table;

use std::fs;
use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::measure::{Env, measure};

const MEASURED: u8 = 0;
const GATE_MISSED: u8 = 1;
const COULD_NOT_MEASURE: u8 = 2;
const WRONG_LINE: u8 = 64;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "main.rs is where the process is looked at")]
    let (words, env) = (std::env::args().skip(1).collect(), std::env::vars().collect());
    ExitCode::from(run(words, &env).unwrap_or_else(|(code, error)| {
        eprintln!("coldstart: {error:#}");
        code
    }))
}

fn run(words: Vec<String>, env: &Env) -> Result<u8, (u8, anyhow::Error)> {
    let args = args::parse(words.clone()).map_err(|error| (WRONG_LINE, error))?;
    let Some(args) = args else {
        return say(args::HELP).map(|()| MEASURED).map_err(|error| (COULD_NOT_MEASURE, error));
    };
    let measured = || {
        let report = measure(&args, words, env)?;
        // First of all to the terminal: a record that cannot be written must not take the figures with it.
        say(&print::print(&report))?;
        if let Some(file) = &args.json {
            let json = serde_json::to_string(&report)? + "\n";
            fs::write(file, json).with_context(|| file.display().to_string())?;
        }
        Ok(if goals::gate_missed(&report.verdicts) { GATE_MISSED } else { MEASURED })
    };
    measured().map_err(|error| (COULD_NOT_MEASURE, error))
}

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("standard output")
}
