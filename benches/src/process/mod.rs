//! Starting programs, and ending them.

mod child;
mod exec;
mod program;
mod spawn;

pub(crate) use child::{Child, Ended};
pub(crate) use program::Program;
pub(crate) use spawn::{Launch, Spawned, spawn};
