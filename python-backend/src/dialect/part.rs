//! One part of an answer.

use crate::json;

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    Reasoning,
    Text,
    Refusal,
    Call,
}

/// One part of an answer. Its texts are JSON strings without quotes.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) kind: PartKind,
    /// Of a call; made up if the upstream sends none.
    pub(super) id: String,
    /// Of a call.
    pub(super) name: String,
    /// The text, or the arguments of a call.
    pub(super) text: String,
    /// How much of the text has been written.
    pub(super) written: usize,
    /// The call's `index` at the upstream.
    pub(super) index: u64,
    pub(super) begun: bool,
}

/// Whether the arguments of a call are a whole JSON object.
pub(super) fn is_complete(arguments: &str) -> bool {
    arguments.trim_ascii_end().ends_with('}') && object(arguments).is_some()
}

/// The arguments of a call as an object, if they are one. No arguments are an empty object.
pub(super) fn object(arguments: &str) -> Option<String> {
    let text = json::string(format!("\"{arguments}\"").as_bytes())?.into_owned();
    if text.trim_ascii().is_empty() {
        return Some("{}".to_owned());
    }
    json::members(text.as_bytes(), []).is_ok().then_some(text)
}
