//! The service as a process, over real sockets.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod access;
mod azure;
mod breaker;
mod budget;
mod demo_chat;
mod demo_stream;
mod dialects;
mod disconnect;
mod documents;
mod failover;
mod fake;
mod forward;
mod forwarded_headers;
mod hub;
mod limits;
mod memory;
mod model_ids;
mod model_rules;
mod models;
mod page;
mod payer;
mod repeats;
mod replicas;
mod routing;
mod stream_content;
mod stream_end;
mod streaming;
mod support;
mod time_limits;
mod tls;
mod translation;
mod uploads;
mod upstream_errors;
mod upstream_floods;
mod usage;
mod wake;

use space_kit::testing::Process;

pub(crate) fn start(env: &[(&str, &str)]) -> Process {
    let env = [&[("DEMO_DELAY", "0")], env].concat();
    Process::start(env!("CARGO_BIN_EXE_python-backend"), &env)
}

pub(crate) fn chat(service: &Process, body: &serde_json::Value) -> space_kit::testing::Reply {
    let headers = [("content-type", "application/json")];
    service.request("POST", "/v1/chat/completions", &headers, &body.to_string())
}
