//! Takes the place of the Node.js (Better Auth) container that people run beside their app on a Hugging Face
//! Space: sign-in in Better Auth's wire format. So far it answers that nobody is signed in.

#![allow(dead_code)] // the routes that use these files follow

mod callback_url;
mod cookie;
mod cross_site;
mod error;
mod flow;
mod get_session;
mod html;
mod keys;
mod origin;
mod page;
mod query;
mod routes;
mod seal;
mod secret;
mod session;
mod spent;
mod token;
mod user;

use space_kit::Service;

/// What requests share: nothing yet.
#[derive(Debug)]
pub struct State;

/// The service as the kit runs it.
pub static SERVICE: Service<State> = Service {
    name: "nodejs-backend",
    version: env!("CARGO_PKG_VERSION"),
    about: "a sign-in backend in Better Auth's wire format",
    vars: &[],
    // A sign-in's requests are small, and what reads them is public.
    defaults: &[("MAX_BODY_BYTES", "16KiB")],
    sites: &space_kit::config::vars::CORS_ORIGINS,
    configure: |_, _| Some(State),
    routes: routes::ROUTES,
    openapi: include_str!("../../specs/001-huggingface-backends/contracts/nodejs-backend.json"),
    statuses: &[],
    render: error::render,
    metrics: |_, _| {},
    expose: "x-request-id",
};
