//! Anthropic's `/v1/messages` (API reference, "Messages" and "Streaming messages").

mod events;
mod request;
mod response;

pub(super) use events::MessageEvents;
pub(super) use request::{without_own_thinking, write_chat};
pub(super) use response::MessageForm;
