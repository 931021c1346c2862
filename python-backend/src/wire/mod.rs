//! What goes over the wire, in both directions: request bodies, events of a stream, headers.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

pub(crate) mod affinity;
pub(crate) mod azure_path;
pub(crate) mod chat_body;
pub(crate) mod choices;
pub(crate) mod chunk;
pub(crate) mod dialect;
pub(crate) mod form;
pub(crate) mod headers;
pub(crate) mod model_path;
pub(crate) mod sse;
