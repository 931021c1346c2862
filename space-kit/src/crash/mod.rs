//! Restarting in place after a crash: the process executes its own binary again, with the same process id, the same
//! listening socket and a record of what happened.
//!
//! After a fault the process can trust neither its heap nor its locks. So everything that runs then (`handler`,
//! `restart`, `line`) allocates nothing, takes no lock and waits for nothing. What it needs is prepared before
//! (`restart::prepare`) or kept in plain atomics (`connections`).

pub(crate) mod connections;
pub(crate) mod descriptors;
pub(crate) mod handler;
mod line;
pub(crate) mod record;
pub(crate) mod restart;
pub(crate) mod survivors;
