//! For tests: a service as a real process, and raw HTTP over real sockets. For benches: a service in memory. Waits are
//! bounded and end with an event (a log line, a response, an exit), never after a fixed time.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test helper fails by panicking

mod documents;
#[cfg(any(feature = "serde", test))]
mod generated;
mod http;
mod in_memory;
#[cfg(test)]
pub(crate) mod own_service;
mod page;
mod process;
mod upstream;

pub use documents::{assert_contract_fits, assert_documented};
#[cfg(any(feature = "serde", test))]
pub use generated::{assert_generated, write_generated};
pub use http::{
    PATIENCE, Stream, TestResponse, TestResponse as Reply, exchange, read_chunk, read_head, read_reply, rest,
    send,
};
pub use in_memory::InMemory;
pub use page::assert_policy_fits;
pub use process::Process;
pub use upstream::Upstream;
