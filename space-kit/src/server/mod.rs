//! The server: it accepts connections, serves each of them in its own task, and drains them at the end.

pub(crate) mod accept;
pub(crate) mod connection;
pub(crate) mod handle;
pub(crate) mod listen;
pub(crate) mod peers;
pub(crate) mod render;
pub(crate) mod restarts;
pub(crate) mod shutdown;
pub mod task;
pub(crate) mod track;
pub(crate) mod trim;
