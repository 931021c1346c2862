//! The OpenAPI document of a new backend, from its routes and types. The macros here write both the code that serves a
//! request and the description of it, so that the two cannot differ. Only tests make the document itself.

pub(crate) mod answer;
#[cfg(feature = "testing-service")]
pub(crate) mod document;
#[cfg(feature = "testing-service")]
mod hoist;
pub(crate) mod operation;
mod routes;
pub(crate) mod schema;
mod types;

#[cfg(test)]
mod tests;
