//! What handlers of a new backend read from a request as a type of their own, by serde: body, query, path.

pub(crate) mod bearer;
pub(crate) mod json;
pub(crate) mod location;
pub(crate) mod number;
pub(crate) mod path;
pub(crate) mod percent;
pub(crate) mod query;
pub(crate) mod rejection;
pub(crate) mod text;
pub(crate) mod values;

#[cfg(test)]
mod tests;
