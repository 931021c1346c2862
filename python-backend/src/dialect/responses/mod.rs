//! OpenAI's `/v1/responses` (API reference, "Responses" and "Streaming events").

mod events;
mod form;
mod item;
mod request;
mod response;

pub(super) use events::ResponseEvents;
pub(super) use form::ResponseForm;
pub(super) use request::{is_own_reasoning, write_chat};
