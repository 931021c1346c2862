//! For tests: a service as a real process, and raw HTTP over real sockets. For benches: a service in memory. Waits have a bound and end at
//! a signal (a log line, an answer, an exit), never at a guess.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test helper fails by panicking

mod documents;
mod http;
mod in_memory;
mod page;
mod process;

pub use documents::{assert_contract_fits, assert_documented};
pub use http::{Reply, Stream, exchange, read_chunk, read_head, read_reply, rest, send};
pub use in_memory::InMemory;
pub use page::assert_policy_fits;
pub use process::Process;

use std::time::Duration;

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(20);
