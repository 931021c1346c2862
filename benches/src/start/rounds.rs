//! The rounds: every row once, A B A B, so that what the machine does meanwhile falls on all alike.

use anyhow::{Context, Result};

use super::{Cache, Method, Setting, Timing};
use crate::process::{Ended, Program};
use crate::watch::Watch;

/// Rounds at the beginning that are not kept: they bring the files into the page cache.
const WARM_UP: usize = 3;

/// One program measured by one method.
pub(crate) struct Row {
    name: String,
    program: Program,
    pub(crate) method: Method,
    pub(crate) cache: Cache,
    pub(crate) timings: Vec<Timing>,
    /// Runs after which the server had to be killed.
    pub(crate) killed: usize,
    /// Why the file stayed in the page cache, for each run that this left out: somebody else may be running it.
    pub(crate) not_evicted: Vec<String>,
}

impl Row {
    pub(crate) fn new(name: &str, program: &Program, method: Method, cache: Cache) -> Self {
        let (name, program) = (name.to_owned(), program.clone());
        Self { name, program, method, cache, timings: Vec::new(), killed: 0, not_evicted: Vec::new() }
    }

    fn once(&mut self, setting: &Setting<'_>) -> Result<Option<Timing>> {
        let what = || format!("{}, {}{}", self.name, self.method.title(), self.cache.title());
        if let Err(reason) = self.cache.prepare(&self.program.file) {
            self.not_evicted.push(format!("{reason:#}"));
            return Ok(None);
        }
        let serving = self.method.start(&self.program, setting).with_context(what)?;
        let timing = serving.timing;
        if serving.end().with_context(what)? == Ended::Killed {
            self.killed += 1;
        }
        Ok(Some(timing))
    }
}

/// Fills every row with `runs` timings, or with fewer where it is interrupted.
pub(crate) fn rounds(rows: &mut [&mut Row], runs: usize, setting: &Setting<'_>, watch: &Watch) -> Result<()> {
    for round in 0..WARM_UP + runs {
        watch.tell("round", round + 1, WARM_UP + runs);
        for row in &mut *rows {
            let timing = watch.unless_interrupted(row.once(setting))?;
            if watch.interrupted() {
                return Ok(());
            }
            row.timings.extend(timing.flatten().filter(|_| round >= WARM_UP));
        }
    }
    Ok(())
}
