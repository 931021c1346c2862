//! The kit as a service uses it: the example `probe` as a process, over real sockets.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test fails by panicking

mod cli;
mod connections;
mod cors;
mod crash;
mod disconnect;
mod drain;
mod exhaustion;
mod handover;
mod health;
mod hosts;
mod library;
mod limits;
mod logs;
mod malformed;
mod memory;
mod metrics;
mod panics;
mod pipelining;
mod routing;
mod slow_clients;
mod start;
mod support;
