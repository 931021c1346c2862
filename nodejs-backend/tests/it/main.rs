//! Tests of the service as a process, over real sockets, with a mock provider that can deviate from the standard.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod accounts;
mod browser;
mod callback;
mod client_document;
mod configuration;
mod cross_site;
mod dev_sign_in;
mod documents;
mod gateway;
mod mock_provider;
mod navigation;
mod popup;
mod provider_responses;
mod provider_rules;
mod sessions;
mod sign_in;
mod tokens;
