//! What a service is made of: its description, its routes, and what its handlers receive and return.

pub(crate) mod body;
pub(crate) mod call;
pub mod client;
pub(crate) mod command;
pub(crate) mod description;
pub(crate) mod error;
pub(crate) mod host;
pub mod memory;
pub(crate) mod pattern;
pub(crate) mod probes;
pub(crate) mod request_body;
pub mod respond;
pub(crate) mod route;
pub(crate) mod running;
