//! Replaces the Node.js (Better Auth) container next to an app on a Hugging Face Space: stateless sign-in in Better
//! Auth's wire format.

mod api;
#[cfg(feature = "benching")]
pub mod benching;
mod config;
mod crypto;
mod error;
mod flow;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod oidc;
mod routes;
mod session;
mod state;
mod web;

use space_kit::Service;

pub use state::State;

/// The service as the kit runs it.
pub static SERVICE: Service<State> = Service {
    name: "nodejs-backend",
    version: env!("CARGO_PKG_VERSION"),
    about: "a sign-in backend in Better Auth's wire format",
    commands: &[],
    vars: config::vars::ALL,
    // Sign-in requests are small.
    defaults: &[("MAX_BODY_BYTES", "16KiB")],
    sites: &config::vars::TRUSTED_ORIGINS,
    configure: config::configure,
    routes: routes::ROUTES,
    openapi: include_str!("../../specs/001-huggingface-backends/contracts/nodejs-backend.json"),
    statuses: &[],
    render: error::render,
    metrics: |_, _| {},
    expose: "set-auth-jwt, set-auth-token, x-request-id, x-retry-after",
    degraded: |_| Vec::new(),
    other_names: "ALLOWED_ORIGINS=TRUSTED_ORIGINS CORS_ORIGINS=TRUSTED_ORIGINS GITHUB_CLIENT_ID=PROVIDERS \
                  GOOGLE_CLIENT_ID=PROVIDERS CLIENT_ID=OAUTH_CLIENT_ID CLIENT_SECRET=OAUTH_CLIENT_SECRET",
    budgets: |_| Vec::new(),
};
