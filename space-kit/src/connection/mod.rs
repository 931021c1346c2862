//! One connection's socket, and what the connection is waiting for.

pub(crate) mod framing;
pub(crate) mod io;
pub(crate) mod state;
