//! Instructions of one start, counted by valgrind: a figure without noise beside the times.

use std::fs;

use anyhow::{Context, Result};

use crate::process::Program;
use crate::start::{Method, Setting};

/// From `execve` to the exit after TERM, with one answer in between: valgrind writes at the end. The instructions of
/// the server's first process, in user space alone.
pub(crate) fn instructions(
    program: &Program,
    method: Method,
    setting: &Setting<'_>,
    search: &str,
) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("callgrind");
    let out = format!("--callgrind-out-file={}", file.display());
    let words = ["valgrind", "--quiet", "--tool=callgrind", &out, "--"].map(str::to_owned);
    let valgrind = Program::find(&words, search)?;
    method.start(&program.under(&valgrind), setting)?.end().context("under valgrind")?;
    parse(&fs::read_to_string(&file).context("valgrind wrote nothing")?).context("valgrind wrote no total")
}

fn parse(profile: &str) -> Option<u64> {
    let totals = profile.lines().rev().find_map(|line| line.strip_prefix("totals: "))?;
    totals.split(' ').next()?.parse().ok().filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_the_first_figure_of_the_last_line() {
        assert_eq!(parse("events: Ir\nsummary: 1\n\ntotals: 123456\n"), Some(123_456));
        assert_eq!(parse("events: Ir\ntotals: 0\n"), None);
        assert_eq!(parse(""), None);
    }
}
