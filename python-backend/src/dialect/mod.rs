//! `/v1/responses` and `/v1/messages` over an upstream that has only chat completions. Pure functions from text to
//! text: a request becomes a chat request, and a chat's whole response or chunks become the response or events of
//! the API that the client speaks.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

mod chat;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod check;
mod conversation;
mod form;
mod messages;
mod output;
mod part;
mod parts;
mod raw;
mod responses;
mod tokens;
mod tools;
mod translation;
mod translator;
mod writer;

pub(crate) use form::{ChatForm, ResponseContext};
pub(crate) use output::Output;
pub(crate) use translation::{Translation, without_own_reasoning};
pub(crate) use translator::Translator;

#[cfg(test)]
mod tests;
