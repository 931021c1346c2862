//! Standard output.

use std::io::Write;

use anyhow::{Context, Result};

/// Prints one line and flushes it, because the calling script waits for it.
pub(crate) fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("standard output")
}
