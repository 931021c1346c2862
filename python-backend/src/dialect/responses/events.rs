//! The events of a stream.

use std::fmt::Write;

use bytes::Bytes;
use space_kit::Error;

use super::form::ResponseForm;
use super::item::{Item, begun, custom_input, is_custom};
use super::response::item_status;
use crate::dialect::output::Output;
use crate::dialect::part::{Part, PartKind};
use crate::dialect::parts::Parts;
use crate::dialect::writer::{Ending, PartWriter, StopReason};

/// Writes the events of one response.
#[derive(Debug)]
pub(in crate::dialect) struct ResponseEvents {
    form: ResponseForm,
    /// The next `sequence_number`.
    number: u64,
    items: Vec<Item>,
    /// The status of an item that ends.
    status: &'static str,
}

/// The names of the events of one kind of part, and what they have in common.
struct Names {
    delta: &'static str,
    done: &'static str,
    /// The member of `done` with the whole text.
    text: &'static str,
    /// The place of the part in the item, and an empty part; "" for a call.
    place: &'static str,
    part: [&'static str; 2],
    part_added: &'static str,
    part_done: &'static str,
}

const TEXT: Names = Names {
    delta: "response.output_text.delta",
    done: "response.output_text.done",
    text: r#","logprobs":[],"text":""#,
    place: r#","content_index":0"#,
    part: [r#"{"type":"output_text","annotations":[],"logprobs":[],"text":""#, "\"}"],
    part_added: "response.content_part.added",
    part_done: "response.content_part.done",
};
const REFUSAL: Names = Names {
    delta: "response.refusal.delta",
    done: "response.refusal.done",
    text: r#","refusal":""#,
    part: [r#"{"type":"refusal","refusal":""#, "\"}"],
    ..TEXT
};
const REASONING: Names = Names {
    delta: "response.reasoning_summary_text.delta",
    done: "response.reasoning_summary_text.done",
    text: r#","text":""#,
    place: r#","summary_index":0"#,
    part: [r#"{"type":"summary_text","text":""#, "\"}"],
    part_added: "response.reasoning_summary_part.added",
    part_done: "response.reasoning_summary_part.done",
};
const CALL: Names = Names {
    delta: "response.function_call_arguments.delta",
    done: "response.function_call_arguments.done",
    text: r#","arguments":""#,
    place: "",
    part: ["", ""],
    part_added: "",
    part_done: "",
};
const CUSTOM: Names = Names {
    delta: "response.custom_tool_call_input.delta",
    done: "response.custom_tool_call_input.done",
    text: r#","input":""#,
    ..CALL
};

impl ResponseEvents {
    /// The events of a response of this form.
    pub(in crate::dialect) fn new(form: ResponseForm) -> ResponseEvents {
        ResponseEvents { form, number: 0, items: Vec::new(), status: "completed" }
    }

    /// Writes the first events.
    pub(in crate::dialect) fn start(&mut self, out: &mut Output) {
        for kind in ["response.created", "response.in_progress"] {
            self.event(kind, out);
            out.push(r#","response":"#);
            self.form.write_empty(None, out);
            out.push("}\n\n");
        }
    }

    /// Tells how the answer ended, before its last parts are written.
    pub(in crate::dialect) fn set_ending(&mut self, ending: &Ending) {
        self.status = item_status(ending);
    }

    /// The whole response for these parts.
    pub(in crate::dialect) fn whole(&self, parts: &Parts, ending: &Ending) -> Output {
        self.form.whole(parts, ending)
    }

    /// Writes the last event.
    pub(in crate::dialect) fn finish(&mut self, ending: &Ending, out: &mut Output) {
        let kind = match ending.reason {
            StopReason::Length | StopReason::Filter => "response.incomplete",
            StopReason::Stop | StopReason::Calls => "response.completed",
        };
        self.event(kind, out);
        out.push(r#","response":"#);
        self.form.write_ended(&self.items, ending, out);
        out.push("}\n\n");
    }

    /// Writes the event of a failure.
    pub(in crate::dialect) fn fail(&mut self, error: &Error, out: &mut Output) {
        self.event("response.failed", out);
        out.push(r#","response":"#);
        self.form.write_empty(Some(error), out);
        out.push("}\n\n");
    }

    /// Writes the beginning of an event, up to its own members.
    fn event(&mut self, kind: &str, out: &mut Output) {
        _ = write!(out, "event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":{}", self.number);
        self.number = self.number.wrapping_add(1);
    }

    /// The same for an event of an item.
    fn item_event(&mut self, kind: &str, at: usize, part: &Part, names: &Names, out: &mut Output) {
        self.event(kind, out);
        let prefix = match part.kind {
            PartKind::Reasoning => "rs",
            PartKind::Text | PartKind::Refusal => "msg",
            PartKind::Call if is_custom(&self.form, part) => "ctc",
            PartKind::Call => "fc",
        };
        let (seed, place) = (&self.form.seed, names.place);
        _ = write!(out, r#","item_id":"{prefix}_{seed}_{at}","output_index":{at}{place}"#);
    }

    fn names(&self, part: &Part) -> &'static Names {
        match part.kind {
            PartKind::Text => &TEXT,
            PartKind::Refusal => &REFUSAL,
            PartKind::Reasoning => &REASONING,
            PartKind::Call if is_custom(&self.form, part) => &CUSTOM,
            PartKind::Call => &CALL,
        }
    }

    fn delta(&mut self, at: usize, part: &Part, piece: &str, out: &mut Output) {
        let names = self.names(part);
        self.item_event(names.delta, at, part, names, out);
        out.push(if part.kind == PartKind::Text { r#","logprobs":[],"delta":""# } else { r#","delta":""# });
        out.push(piece);
        out.push("\"}\n\n");
    }
}

impl PartWriter for ResponseEvents {
    fn begin(&mut self, at: usize, part: &Part, out: &mut Output) {
        self.event("response.output_item.added", out);
        let item = begun(&self.form, at, part);
        _ = write!(out, ",\"output_index\":{at},\"item\":{item}}}\n\n");
        let names = self.names(part);
        if !names.part_added.is_empty() {
            self.item_event(names.part_added, at, part, names, out);
            let [before, after] = names.part;
            _ = write!(out, ",\"part\":{before}{after}}}\n\n");
        }
    }

    fn piece(&mut self, at: usize, part: &Part, piece: &str, out: &mut Output) {
        // The text of a free-form tool is known only when its arguments are complete.
        if !is_custom(&self.form, part) {
            self.delta(at, part, piece, out);
        }
    }

    fn end(&mut self, at: usize, part: &mut Part, reasoning_name: &str, out: &mut Output) {
        let names = self.names(part);
        let mut text = std::mem::take(&mut part.text);
        if is_custom(&self.form, part) {
            text = custom_input(&text);
            self.delta(at, part, &text, out);
        }
        let text = Bytes::from(text);
        self.item_event(names.done, at, part, names, out);
        out.push(names.text);
        out.share(&text);
        out.push("\"}\n\n");
        if !names.part_done.is_empty() {
            self.item_event(names.part_done, at, part, names, out);
            out.push(r#","part":"#);
            out.push(names.part[0]);
            out.share(&text);
            out.push(names.part[1]);
            out.push("}\n\n");
        }
        let item = Item::new(&self.form, at, part, text, reasoning_name, self.status);
        self.event("response.output_item.done", out);
        _ = write!(out, r#","output_index":{at},"item":"#);
        item.write(out);
        out.push("}\n\n");
        self.items.push(item);
    }

    fn needs_text(&self) -> bool {
        true
    }
}
