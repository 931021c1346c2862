//! Pins the harness to one CPU and the servers to another, so that neither waits for the other.

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The CPU of the harness and that of the servers. Dropping it gives the harness all its CPUs back.
pub(crate) struct PinnedCpus {
    pub(crate) harness: Option<usize>,
    pub(crate) server: Option<usize>,
    before: CpuSet,
}

impl PinnedCpus {
    /// Takes the first two CPUs that this process may use. If there is only one, it pins nothing.
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

impl Drop for PinnedCpus {
    fn drop(&mut self) {
        let _best_effort = sched_setaffinity(None, &self.before);
    }
}

pub(super) fn only(cpu: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(cpu);
    set
}
