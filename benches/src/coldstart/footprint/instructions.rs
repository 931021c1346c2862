//! Counts the instructions of one start with valgrind. Unlike a time, a count has no noise.

use std::fs;

use anyhow::{Context, Result};

use crate::process::Program;
use crate::start::{Method, StartOptions, start};

/// User-space instructions of the server's first process, from `execve` over one response to the exit
/// after SIGTERM, because valgrind writes its profile at exit.
///
/// # Errors
/// If valgrind is missing, or the server does not start under it.
pub(crate) fn instructions(
    program: &Program,
    method: Method,
    options: &StartOptions<'_>,
    search: &str,
) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("callgrind");
    let out = format!("--callgrind-out-file={}", file.display());
    let words = ["valgrind", "--quiet", "--tool=callgrind", &out, "--"].map(str::to_owned);
    let valgrind = Program::find(&words, search)?;
    start(method, &program.under(&valgrind), options)?.end().context("under valgrind")?;
    let profile = fs::read_to_string(&file).context("valgrind wrote no profile")?;
    parse(&profile).context("valgrind's profile has no total")
}

fn parse(profile: &str) -> Option<u64> {
    let totals = profile.lines().rev().find_map(|line| line.strip_prefix("totals: "))?;
    totals.split(' ').next()?.parse().ok().filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_is_the_first_number_of_the_totals_line() {
        assert_eq!(parse("events: Ir\nsummary: 1\n\ntotals: 123456\n"), Some(123_456));
        assert_eq!(parse("events: Ir\ntotals: 0\n"), None);
        assert_eq!(parse(""), None);
    }
}
