//! The configuration: variables, where their values come from, and what they mean.

pub(crate) mod config;
pub(crate) mod cors;
pub mod env;
pub(crate) mod env_file;
pub(crate) mod memory_limit;
pub mod parse;
pub(crate) mod secret;
mod state;
pub(crate) mod suggest;
pub mod vars;
