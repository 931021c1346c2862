//! Starts and stops the processes that are measured.

mod child;
mod cpus;
mod exec;
mod program;
mod spawn;

pub(crate) use child::{Child, Ended};
pub(crate) use cpus::PinnedCpus;
pub(crate) use program::Program;
pub(crate) use spawn::{Launch, Spawned, spawn};
