//! A client's request on its way to an upstream: admission, its body, and everything it holds.

pub(crate) mod admission;
pub(crate) mod body;
mod exchange;
pub(crate) mod model_rules;

pub(crate) use admission::Admitted;
pub(crate) use exchange::Exchange;
