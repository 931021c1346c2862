//! Takes the place of the Python (FastAPI) container that people put in front of an inference API on a
//! Hugging Face Space: an OpenAI-compatible backend.

mod chat;
mod completion;
mod config;
mod demo;
mod error;
mod models;
mod page;
mod request;
mod routes;

pub use config::State;

use space_kit::{Service, StatusCode};

/// The service as the kit runs it.
pub static SERVICE: Service<State> = Service {
    name: "python-backend",
    version: env!("CARGO_PKG_VERSION"),
    about: "an OpenAI-compatible inference backend",
    vars: config::ALL,
    // Browsers call it from any site (nothing here depends on cookies), and images travel in bodies.
    defaults: &[("CORS_ORIGINS", "*"), ("MAX_BODY_BYTES", "20MiB")],
    configure: config::configure,
    routes: routes::ROUTES,
    openapi: include_str!("../../specs/001-huggingface-backends/contracts/python-backend.json"),
    // Some clients repeat a request at once and without end on 503, and wait as told on 429.
    statuses: &[(StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS)],
    render: error::render,
    metrics: |_, _| {},
    expose: "x-request-id, x-error-message, retry-after, retry-after-ms",
};
