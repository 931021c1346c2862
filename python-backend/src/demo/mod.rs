//! The built-in `demo` model. It is not a language model: it answers with a fixed sentence that repeats the
//! question. Clients can be tried with it without a token, and the same request always gets the same
//! response.

mod chat;
mod chat_json;
mod chat_request;
mod model;
mod tools;

pub(crate) use chat::{chat, only_chats};
