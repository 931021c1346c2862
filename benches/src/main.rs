//! How soon a server answers, and what it weighs. Method, limits and bias: `benches/README.md`.

mod args;
mod compare;
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
mod svg;
mod table;
mod watch;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};

use crate::args::Args;
use crate::compare::compare;
use crate::measure::{Env, measure};
use crate::report::Report;
use crate::table::Style;
use crate::watch::Watch;

const MEASURED: u8 = 0;
const GATE_MISSED: u8 = 1;
const COULD_NOT_MEASURE: u8 = 2;
const WRONG_LINE: u8 = 64;
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "main.rs is where the process is looked at")]
    let (words, env) = (std::env::args().skip(1).collect(), std::env::vars().collect());
    ExitCode::from(run(words, &env).unwrap_or_else(|(code, error)| {
        eprintln!("coldstart: {error:#}");
        code
    }))
}

fn run(words: Vec<String>, env: &Env) -> Result<u8, (u8, anyhow::Error)> {
    let could_not = |error| (COULD_NOT_MEASURE, error);
    if let [first, rest @ ..] = words.as_slice()
        && first == "compare"
    {
        let [old, new] = rest else { return Err((WRONG_LINE, anyhow!("compare wants OLD.json NEW.json"))) };
        return compare(old, new).and_then(|text| say(&text)).map(|()| MEASURED).map_err(could_not);
    }
    let args = args::parse(words.clone()).map_err(|error| (WRONG_LINE, error))?;
    let Some(args) = args else { return say(args::HELP).map(|()| MEASURED).map_err(could_not) };
    let measured = || {
        let watch = Watch::begin()?;
        let report = measure(&args, words, env, &watch)?;
        // First of all to the terminal: a record that cannot be written must not take the figures with it.
        let style = if args.markdown { Style::Markdown } else { Style::Terminal };
        say(&print::print(&report, style))?;
        write_files(&args, &report)?;
        Ok(match report {
            _ if report.partial => INTERRUPTED,
            _ if goals::gate_missed(&report.verdicts) => GATE_MISSED,
            _ => MEASURED,
        })
    };
    measured().map_err(could_not)
}

fn write_files(args: &Args, report: &Report) -> Result<()> {
    let write = |file: &Path, text: String| fs::write(file, text).with_context(|| file.display().to_string());
    if let Some(file) = &args.json {
        // Where the sources lie on one machine tells nobody anything.
        let source = fs::canonicalize(&args.source).context("--source")?.display().to_string();
        write(file, serde_json::to_string(report)?.replace(&source, ".") + "\n")?;
    }
    if let (Some(file), Some(picture)) = (&args.svg, svg::svg(report)) {
        write(file, picture)?;
    }
    Ok(())
}

fn say(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context("standard output")
}
