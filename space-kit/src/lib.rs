//! The plumbing that any Hugging Face Docker Space backend needs, on hyper: configuration, serving,
//! limits, health, logs, metrics, shutdown. It knows nothing of what a service does.
//!
//! A service is one [`Service`] constant that [`program!`] makes the process's `main`: `examples/probe.rs` is a whole
//! one.

#[cfg(feature = "unwinder")]
extern crate unwinding as _;

mod app;
mod body;
mod call;
pub mod cli;
pub mod client;
pub mod config;
mod conn;
mod cors;
pub mod env;
mod env_file;
mod error;
mod handle;
mod healthcheck;
mod io;
#[cfg(feature = "outgoing")]
pub mod jwks;
#[cfg(feature = "outgoing")]
pub mod jwt;
mod listen;
mod log;
pub mod metrics;
mod near;
#[cfg(feature = "outgoing")]
pub mod outgoing;
pub mod parse;
mod phase;
mod probes;
#[doc(hidden)]
pub mod process; // for `program!`
#[cfg(test)]
mod properties;
pub mod rate_limit;
mod readiness;
pub mod respond;
mod route;
mod serve;
mod service;
mod shutdown;
pub mod task;
#[cfg(feature = "testing")]
pub mod testing;
mod tidy;
mod track;

pub use app::App;
pub use body::{Body, BoxError, RequestBody, Sender};
pub use call::{Answer, Call, Reply};
pub use config::Config;
pub use cors::Cors;
pub use env::{Env, Var};
pub use error::{Error, Refusal};
pub use log::{Fields, Format, Level, Log, Value};
pub use readiness::{Latch, Readiness, Status};
pub use route::Route;
pub use service::{Service, main, version};

pub use bytes::Bytes;
pub use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use hyper::{Method, Request, Response, StatusCode};
