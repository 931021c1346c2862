//! One CPU for the harness and another for the server, so that neither waits for the other.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Who runs where. Dropping it gives the harness all its CPUs back.
pub(crate) struct Pinned {
    pub(crate) harness: Option<usize>,
    pub(crate) server: Option<usize>,
    before: CpuSet,
}

impl Pinned {
    /// Takes the first two CPUs that this process may use; with one alone, nothing is pinned.
    pub(crate) fn take() -> Result<Self> {
        let before = sched_getaffinity(None).context("sched_getaffinity")?;
        let mut usable = (0..CpuSet::MAX_CPU).filter(|cpu| before.is_set(*cpu));
        let (Some(harness), Some(server)) = (usable.next(), usable.next()) else {
            return Ok(Self { harness: None, server: None, before });
        };
        sched_setaffinity(None, &only(harness)).context("sched_setaffinity")?;
        Ok(Self { harness: Some(harness), server: Some(server), before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _best_effort = sched_setaffinity(None, &self.before);
    }
}

pub(crate) fn only(cpu: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(cpu);
    set
}
