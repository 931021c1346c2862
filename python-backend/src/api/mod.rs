//! The endpoints under `/v1`.

pub(crate) mod inference;
pub(crate) mod models;
pub(crate) mod passthrough;
