//! The items of a response's output.

use std::fmt::Write;

use bytes::Bytes;

use super::form::ResponseForm;
use crate::dialect::output::Output;
use crate::dialect::part::{Part, PartKind, object};
use crate::dialect::raw::Raw;
use crate::dialect::writer::MARK;

/// A finished item as JSON: its text, shared, between the rest.
#[derive(Debug)]
pub(super) struct Item {
    before: String,
    pub(super) text: Bytes,
    after: &'static str,
}

impl Item {
    /// The item of a part with this text.
    pub(super) fn new(
        form: &ResponseForm,
        at: usize,
        part: &Part,
        text: Bytes,
        reasoning_name: &str,
        status: &str,
    ) -> Item {
        let (seed, mut before) = (&form.seed, String::new());
        let after = match part.kind {
            PartKind::Text => {
                _ = write!(
                    before,
                    r#"{{"id":"msg_{seed}_{at}","type":"message","status":"{status}","role":"assistant","content":[{{"type":"output_text","annotations":[],"logprobs":[],"text":""#
                );
                "\"}]}"
            }
            PartKind::Refusal => {
                _ = write!(
                    before,
                    r#"{{"id":"msg_{seed}_{at}","type":"message","status":"{status}","role":"assistant","content":[{{"type":"refusal","refusal":""#
                );
                "\"}]}"
            }
            PartKind::Reasoning => {
                _ = write!(
                    before,
                    r#"{{"id":"rs_{seed}_{at}","type":"reasoning","encrypted_content":"{MARK}{reasoning_name}","summary":[{{"type":"summary_text","text":""#
                );
                "\"}]}"
            }
            PartKind::Call => {
                before = call(form, at, part, status);
                _ = write!(before, r#","{}":""#, if is_custom(form, part) { "input" } else { "arguments" });
                "\"}"
            }
        };
        Item { before, text, after }
    }

    /// Appends the item.
    pub(super) fn write(&self, out: &mut Output) {
        out.push(&self.before);
        out.share(&self.text);
        out.push(self.after);
    }
}

/// An item that has only begun.
pub(super) fn begun(form: &ResponseForm, at: usize, part: &Part) -> String {
    let seed = &form.seed;
    match part.kind {
        PartKind::Text | PartKind::Refusal => format!(
            r#"{{"id":"msg_{seed}_{at}","type":"message","status":"in_progress","role":"assistant","content":[]}}"#
        ),
        PartKind::Reasoning => {
            format!(r#"{{"id":"rs_{seed}_{at}","type":"reasoning","summary":[]}}"#)
        }
        PartKind::Call => {
            let text = if is_custom(form, part) { "input" } else { "arguments" };
            format!(r#"{},"{text}":""}}"#, call(form, at, part, "in_progress"))
        }
    }
}

/// A call up to its text.
fn call(form: &ResponseForm, at: usize, part: &Part, status: &str) -> String {
    let (seed, tool) = (&form.seed, form.tools.original(&part.name));
    let name = tool.map_or(part.name.as_str(), |tool| &tool.name);
    let (prefix, kind) = match is_custom(form, part) {
        true => ("ctc", "custom_tool_call"),
        false => ("fc", "function_call"),
    };
    let mut text = format!(
        r#"{{"id":"{prefix}_{seed}_{at}","type":"{kind}","status":"{status}","call_id":"{}","name":"{name}""#,
        part.id
    );
    if let Some(namespace) = tool.map(|tool| &tool.namespace).filter(|namespace| !namespace.is_empty()) {
        _ = write!(text, r#","namespace":"{namespace}""#);
    }
    text
}

/// Whether a part is a call of a free-form tool.
pub(super) fn is_custom(form: &ResponseForm, part: &Part) -> bool {
    part.kind == PartKind::Call && form.tools.original(&part.name).is_some_and(|tool| tool.is_custom)
}

/// The text of a call of a free-form tool, from its arguments. If they have another form, they are the text.
pub(super) fn custom_input(arguments: &str) -> String {
    let object = object(arguments);
    let input = object.as_ref().and_then(|object| {
        let inner = Raw::of(object.as_bytes()).fields().get("input")?.inner()?;
        Some(inner.to_owned())
    });
    input.unwrap_or_else(|| arguments.to_owned())
}
