//! The endpoints under `/v1`, and the same under `/openai`.

pub(crate) mod azure;
mod dialects;
pub(crate) mod inference;
pub(crate) mod models;
pub(crate) mod passthrough;
