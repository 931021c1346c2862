//! What an operator sees of a running service: logs, metrics, readiness.

pub(crate) mod log;
pub mod metrics;
pub(crate) mod process;
pub(crate) mod readiness;
pub(crate) mod stderr;
