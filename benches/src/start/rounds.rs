//! The rounds: every row once, A B A B, so that what the machine does meanwhile falls on all alike.

use anyhow::{Context, Result};

use super::{Method, Setting, Timing};
use crate::process::{Ended, Program};

/// Rounds at the beginning that are not kept: they bring the files into the page cache.
const WARM_UP: usize = 3;

/// One program measured by one method.
pub(crate) struct Row {
    name: String,
    program: Program,
    pub(crate) method: Method,
    pub(crate) timings: Vec<Timing>,
    /// Runs after which the server had to be killed.
    pub(crate) killed: usize,
}

impl Row {
    pub(crate) fn new(name: &str, program: &Program, method: Method) -> Self {
        Self { name: name.to_owned(), program: program.clone(), method, timings: Vec::new(), killed: 0 }
    }

    fn once(&mut self, setting: &Setting<'_>) -> Result<Timing> {
        let what = || format!("{}, {}", self.name, self.method.title());
        let serving = self.method.start(&self.program, setting).with_context(what)?;
        let timing = serving.timing;
        if serving.end().with_context(what)? == Ended::Killed {
            self.killed += 1;
        }
        Ok(timing)
    }
}

/// Fills every row with `runs` timings.
pub(crate) fn rounds(rows: &mut [&mut Row], runs: usize, setting: &Setting<'_>) -> Result<()> {
    for round in 0..WARM_UP + runs {
        for row in &mut *rows {
            let timing = row.once(setting)?;
            if round >= WARM_UP {
                row.timings.push(timing);
            }
        }
    }
    Ok(())
}
