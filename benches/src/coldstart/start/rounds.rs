//! Starts all programs in turn (A B A B), so that other load on the machine affects all of them alike.

use anyhow::{Context, Result};

use super::dispatch::start;
use super::method::Method;
use super::options::StartOptions;
use super::page_cache::PageCache;
use super::serving::Timing;
use crate::process::{Ended, Program};
use crate::progress::Progress;

/// The first rounds are discarded: they bring the files into the page cache.
const WARM_UP: usize = 3;

/// The starts of one program by one method.
pub(crate) struct StartSeries {
    name: String,
    program: Program,
    pub(crate) method: Method,
    pub(crate) cache: PageCache,
    pub(crate) timings: Vec<Timing>,
    /// Starts after which the server had to be killed.
    pub(crate) killed: usize,
    /// The error of each start that was skipped because the file stayed in the page cache.
    pub(crate) not_evicted: Vec<String>,
}

impl StartSeries {
    pub(crate) fn new(name: &str, program: &Program, method: Method, cache: PageCache) -> Self {
        let (name, program) = (name.to_owned(), program.clone());
        Self { name, program, method, cache, timings: Vec::new(), killed: 0, not_evicted: Vec::new() }
    }

    fn once(&mut self, options: &StartOptions<'_>) -> Result<Option<Timing>> {
        let what = || format!("{}, {}{}", self.name, self.method.title(), self.cache.title());
        if let Err(reason) = self.cache.prepare(&self.program.file) {
            self.not_evicted.push(format!("{reason:#}"));
            return Ok(None);
        }
        let serving = start(self.method, &self.program, options).with_context(what)?;
        let timing = serving.timing;
        if serving.end().with_context(what)? == Ended::Killed {
            self.killed += 1;
        }
        Ok(Some(timing))
    }
}

/// Adds `runs` timings to every series, or fewer if the run is interrupted.
pub(crate) fn rounds(
    all: &mut [&mut StartSeries],
    runs: usize,
    options: &StartOptions<'_>,
    progress: &Progress,
) -> Result<()> {
    for round in 0..WARM_UP + runs {
        progress.show("round", round + 1, WARM_UP + runs);
        for series in &mut *all {
            let timing = progress.unless_interrupted(series.once(options))?;
            if progress.interrupted() {
                return Ok(());
            }
            series.timings.extend(timing.flatten().filter(|_| round >= WARM_UP));
        }
    }
    Ok(())
}
