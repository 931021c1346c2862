//! The events of a stream.

use std::fmt::Write;

use super::response::{MessageForm, stop, usage};
use crate::dialect::output::Output;
use crate::dialect::part::{Part, PartKind};
use crate::dialect::parts::Parts;
use crate::dialect::writer::{Ending, MARK, PartWriter, TokenCounts};

/// Writes the events of one message.
#[derive(Debug)]
pub(in crate::dialect) struct MessageEvents {
    form: MessageForm,
}

impl MessageEvents {
    /// The events of a message of this form.
    pub(in crate::dialect) fn new(form: MessageForm) -> MessageEvents {
        MessageEvents { form }
    }

    /// Writes the first event. The tokens of the request are estimated.
    pub(in crate::dialect) fn start(&mut self, estimate: u64, out: &mut Output) {
        out.push("event: message_start\ndata: {\"type\":\"message_start\",\"message\":");
        let counts = TokenCounts { input: estimate, output: 1, ..TokenCounts::default() };
        self.form.write("", r#""stop_reason":null,"stop_sequence":null"#, &usage(counts), out);
        out.push("}\n\n");
    }

    /// The whole message for these parts.
    pub(in crate::dialect) fn whole(&self, parts: &Parts, ending: &Ending) -> Output {
        self.form.whole(parts, ending)
    }

    /// Writes the last events.
    pub(in crate::dialect) fn finish(&mut self, ending: &Ending, out: &mut Output) {
        let (stop, usage) = (stop(ending), usage(ending.usage));
        _ = write!(
            out,
            "event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{{stop}}},\"usage\":{usage}}}\n\n\
             event: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"
        );
    }
}

impl PartWriter for MessageEvents {
    fn begin(&mut self, at: usize, part: &Part, out: &mut Output) {
        let block = match part.kind {
            PartKind::Reasoning => r#"{"type":"thinking","thinking":"","signature":""}"#.to_owned(),
            _ => self.form.block(part, "", ""),
        };
        _ = write!(
            out,
            "event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":{at},\"content_block\":{block}}}\n\n"
        );
    }

    fn piece(&mut self, at: usize, part: &Part, piece: &str, out: &mut Output) {
        let (kind, member) = match part.kind {
            PartKind::Reasoning => ("thinking_delta", "thinking"),
            PartKind::Text | PartKind::Refusal => ("text_delta", "text"),
            PartKind::Call => ("input_json_delta", "partial_json"),
        };
        delta(at, kind, member, piece, out);
    }

    fn end(&mut self, at: usize, part: &mut Part, reasoning_name: &str, out: &mut Output) {
        if part.kind == PartKind::Reasoning {
            delta(at, "signature_delta", "signature", &[MARK, reasoning_name].concat(), out);
        }
        _ = write!(
            out,
            "event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":{at}}}\n\n"
        );
    }

    fn needs_text(&self) -> bool {
        false
    }
}

fn delta(at: usize, kind: &str, member: &str, text: &str, out: &mut Output) {
    _ = write!(
        out,
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{at},\"delta\":{{\"type\":\"{kind}\",\"{member}\":\"{text}\"}}}}\n\n"
    );
}
