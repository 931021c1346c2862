//! Estimates how many tokens a text has.

/// The tokens of a chat request, estimated from its JSON text.
pub(super) fn of_chat(text: &str) -> u64 {
    text.len() as u64 / 4
}
