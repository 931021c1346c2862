//! Who looks on: how far it is, on a terminal, and whether Ctrl-C was pressed.

use std::io::{IsTerminal, Write, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::SIGINT;

#[derive(Clone)]
pub(crate) struct Watch {
    interrupted: Arc<AtomicBool>,
    terminal: bool,
}

impl Watch {
    /// From here on INT ends no more than the rounds. A second one ends the process as usual.
    pub(crate) fn begin() -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register_conditional_default(SIGINT, Arc::clone(&interrupted))
            .and_then(|_| signal_hook::flag::register(SIGINT, Arc::clone(&interrupted)))
            .context("a handler for INT")?;
        Ok(Self { interrupted, terminal: stderr().is_terminal() })
    }

    pub(crate) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// An error while being interrupted is no news: Ctrl-C reaches the servers too.
    pub(crate) fn unless_interrupted<T>(&self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Err(_) if self.interrupted() => Ok(None),
            other => other.map(Some),
        }
    }

    /// Redrawn in place; nothing where nobody looks.
    pub(crate) fn tell(&self, what: &str, done: usize, all: usize) {
        if self.terminal {
            let end = if done == all { "\n" } else { "" };
            let _nobody_looks = write!(stderr(), "\r{what} {done}/{all}{end}");
        }
    }
}
