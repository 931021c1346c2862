//! Shows the progress of a run on a terminal, and notices Ctrl-C.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::SIGINT;

#[derive(Clone)]
pub(crate) struct Progress {
    interrupted: Arc<AtomicBool>,
    terminal: bool,
}

impl Progress {
    /// Installs the SIGINT handler. The first signal ends only the rounds; a second one ends the process.
    pub(crate) fn begin() -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register_conditional_default(SIGINT, Arc::clone(&interrupted))
            .and_then(|_| signal_hook::flag::register(SIGINT, Arc::clone(&interrupted)))
            .context("the handler for SIGINT")?;
        Ok(Self { interrupted, terminal: stderr().is_terminal() })
    }

    pub(crate) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Drops an error after an interrupt, because Ctrl-C ends the servers too.
    pub(crate) fn unless_interrupted<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Err(_) if self.interrupted() => Ok(None),
            other => other.map(Some),
        }
    }

    /// Redraws one line on a terminal; prints nothing elsewhere.
    pub(crate) fn show(&self, what: &str, done: usize, all: usize) {
        if self.terminal {
            let end = if done == all { "\n" } else { "" };
            let _best_effort = write!(stderr(), "\r{what} {done}/{all}{end}");
        }
    }
}
