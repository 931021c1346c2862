//! Fuzzing whole connections: the server as it ships on a socket whose other end the fuzzer has, under a clock that
//! moves only when a script says so. The target of `fuzz/` plays a client against [`conversation`]'s service;
//! python-backend's target uses the same rig.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a panic is how a fuzz target reports a failure

mod conversation;
mod reference;
mod responses;
mod rig;
mod script;
mod service;

pub use conversation::conversation;
pub use responses::{WireResponse, parse as parse_responses};
pub use rig::{Client, PeerSocket, Rig};
pub use script::{PeerStep, parse as parse_script};
