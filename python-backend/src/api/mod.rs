//! The endpoints under `/v1`.

mod dialects;
pub(crate) mod inference;
pub(crate) mod models;
pub(crate) mod passthrough;
