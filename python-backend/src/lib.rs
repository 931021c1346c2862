//! An OpenAI-compatible gateway. It replaces the Python (FastAPI) container in front of an inference API on a
//! Hugging Face Space.

mod access;
mod api;
#[cfg(feature = "benching")]
pub mod benching;
mod catalogue;
mod clock;
mod config;
mod demo;
mod dialect;
mod errors;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod json;
mod limits;
mod page;
mod request;
mod response;
mod routes;
mod state;
mod upstream;
mod usage;
mod wire;

use space_kit::{Service, StatusCode};

pub use state::State;

/// The service as the kit runs it.
pub static SERVICE: Service<State> = Service {
    name: "python-backend",
    version: env!("CARGO_PKG_VERSION"),
    about: "an OpenAI-compatible inference backend",
    commands: &[page::clients::COMMAND],
    vars: config::vars::ALL,
    // Pages of any site may call it, because it uses no cookies. Bodies contain images. A long response that
    // is not streamed begins only when it is complete.
    defaults: &[("CORS_ORIGINS", "*"), ("MAX_BODY_BYTES", "26MiB"), ("REQUEST_TIMEOUT", "11min")],
    sites: &space_kit::vars::CORS_ORIGINS,
    configure: config::configure,
    routes: routes::ROUTES,
    openapi: include_str!("../../specs/001-huggingface-backends/contracts/python-backend.json"),
    // On 503, some clients retry at once and forever. On 429 they wait as long as Retry-After says.
    statuses: &[(StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS)],
    render: errors::render,
    metrics: state::render_metrics,
    expose: "x-request-id, x-error-message, retry-after, retry-after-ms, x-ratelimit-limit-requests, \
             x-ratelimit-remaining-requests, x-ratelimit-reset-requests, ratelimit, ratelimit-policy, \
             x-upstream-request-id, request-id, x-dropped-tools",
    degraded: state::degraded,
    other_names: "HUGGING_FACE_HUB_TOKEN=HF_TOKEN HUGGINGFACE_TOKEN=HF_TOKEN HUGGINGFACEHUB_API_TOKEN=HF_TOKEN \
                  HF_API_TOKEN=HF_TOKEN HF_API_KEY=HF_TOKEN OPENAI_API_KEY=UPSTREAM_API_KEYS \
                  OPENAI_BASE_URL=UPSTREAM_URL OPENAI_API_BASE=UPSTREAM_URL LITELLM_MASTER_KEY=API_KEYS \
                  ALLOWED_ORIGINS=CORS_ORIGINS",
    budgets: |state| state.limits.budgets(),
};
