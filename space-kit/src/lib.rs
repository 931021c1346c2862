//! The plumbing that any Hugging Face Docker Space backend needs, on hyper: configuration, serving, limits, health,
//! logs, metrics and shutdown. It knows nothing of what a service does.
//!
//! A service is one [`Service`] constant that [`program!`] makes the process's `main`: `examples/probe.rs` is a
//! complete one.

#[cfg(test)]
extern crate self as space_kit; // for `types!`, whose code names this crate

mod command;
mod connection;
mod crash;
#[cfg(any(feature = "serde", test))]
mod extract;
mod files;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
#[cfg(feature = "outgoing")]
pub mod jwks;
#[cfg(feature = "outgoing")]
pub mod jwt;
mod observe;
#[cfg(any(feature = "serde", test))]
mod openapi;
#[cfg(feature = "outgoing")]
pub mod outgoing;
#[cfg(any(feature = "serde", test))]
pub mod prelude;
pub mod rate_limit;
#[cfg(feature = "outgoing")]
pub mod seal;
mod server;
mod service;
mod settings;
#[cfg(feature = "testing-service")]
pub mod testing;
pub mod web;

#[cfg(test)]
mod properties;

pub use command::cli::version;
#[doc(hidden)]
pub use command::process; // for `program!`
pub use command::{cli, run::main};
pub use crash::record::Restarts;
pub use crash::survivors::Survivors;
#[cfg(any(feature = "serde", test))]
pub use extract::{json::Json, number::Number, path::Path, query::Query, text::Text};
pub use files::{file::File, table::Files};
pub use observe::log::{Fields, Format, Level, Log, Value};
pub use observe::metrics;
pub use observe::readiness::{Latch, Readiness, Status};
#[cfg(any(feature = "serde", test))]
#[doc(hidden)]
pub use openapi::schema::object; // for `types!`
#[cfg(any(feature = "serde", test))]
pub use openapi::{
    answer::{Answer, Links, NoContent, PlainText, links},
    operation::Operation,
    schema::Schema,
};
#[cfg(any(feature = "serde", test))]
#[doc(hidden)]
pub use serde; // for `types!`
pub use server::task;
pub use service::body::{Body, BoxError, Sender};
pub use service::call::{Call, HandlerResult, Reply};
pub use service::command::{ArgumentError, ServiceCommand};
pub use service::description::Service;
pub use service::error::{Error, RequestError};
pub use service::request_body::RequestBody;
pub use service::route::Route;
pub use service::running::{Clock, Kit, Running};
pub use service::{client, memory, respond};
pub use settings::config::Config;
pub use settings::cors::Cors;
pub use settings::env::{Env, Var};
pub use settings::memory_limit::memory_limit;
pub use settings::{env, parse, vars};

pub use bytes::Bytes;
pub use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use hyper::{Method, Request, Response, StatusCode};
#[cfg(any(feature = "serde", test))]
#[doc(hidden)]
pub use serde_json::Value as JsonValue; // for `types!`
