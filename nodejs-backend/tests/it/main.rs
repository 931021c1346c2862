//! The service as a process, over real sockets, with a provider that the tests bend.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod browser;
mod callback;
mod configuration;
mod cross_site;
mod dev;
mod documents;
mod popup;
mod provider;
mod provider_answers;
mod provider_rules;
mod sessions;
mod sign_in;
mod tokens;
mod visits;
