//! The program: its arguments, its life from configuration to drain, and its `main`.

mod check;
pub mod cli;
mod healthcheck;
pub mod process;
pub(crate) mod run;
mod told;
