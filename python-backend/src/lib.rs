//! Takes the place of the Python (FastAPI) container that people put in front of an inference API on a
//! Hugging Face Space: an OpenAI-compatible backend.

mod access;
#[cfg(feature = "benching")]
pub mod benching;
mod bill;
mod catalogue;
mod chat_body;
mod choices;
mod chunk;
mod config;
mod demo;
mod embeddings;
mod error;
mod forward;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod headers;
mod intake;
mod json_scan;
mod json_text;
mod limits;
mod meter;
mod models;
mod page;
mod relay;
mod retry_after;
mod routes;
mod splice;
mod sse;
mod stream;
mod tokens;
mod tunnel;
mod upstream;
mod upstream_error;
mod watch;

pub use config::State;

use space_kit::{Service, StatusCode};

/// The service as the kit runs it.
pub static SERVICE: Service<State> = Service {
    name: "python-backend",
    version: env!("CARGO_PKG_VERSION"),
    about: "an OpenAI-compatible inference backend",
    vars: config::ALL,
    // Browsers call it from any site (nothing here depends on cookies), images travel in bodies, and a long
    // answer that is not streamed begins when it is finished.
    defaults: &[("CORS_ORIGINS", "*"), ("MAX_BODY_BYTES", "20MiB"), ("REQUEST_TIMEOUT", "11min")],
    sites: &space_kit::config::vars::CORS_ORIGINS,
    configure: config::configure,
    routes: routes::ROUTES,
    openapi: include_str!("../../specs/001-huggingface-backends/contracts/python-backend.json"),
    // Some clients repeat a request at once and without end on 503, and wait as told on 429.
    statuses: &[(StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS)],
    render: error::render,
    metrics: config::metrics,
    expose: "x-request-id, x-error-message, retry-after, retry-after-ms, x-ratelimit-limit-requests, \
             x-ratelimit-remaining-requests, x-ratelimit-reset-requests, ratelimit, ratelimit-policy, \
             x-upstream-request-id",
};
