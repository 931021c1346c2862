//! The message object.

use std::fmt::Write;

use crate::dialect::output::Output;
use crate::dialect::part::{Part, PartKind, object};
use crate::dialect::parts::Parts;
use crate::dialect::tools::ToolNames;
use crate::dialect::writer::{Ending, MARK, StopReason, TokenCounts};

/// What all JSON of one message has in common.
#[derive(Debug)]
pub(in crate::dialect) struct MessageForm {
    /// The part of the id that is unique.
    pub(in crate::dialect) seed: String,
    /// The requested model, as JSON text.
    pub(in crate::dialect) model: String,
    pub(in crate::dialect) tools: ToolNames,
}

impl MessageForm {
    /// Appends the members of a message. `content` is its blocks.
    pub(super) fn write(&self, content: &str, stop: &str, usage: &str, out: &mut Output) {
        let MessageForm { seed, model, .. } = self;
        _ = write!(
            out,
            r#"{{"id":"msg_{seed}","type":"message","role":"assistant","model":{model},"content":[{content}],{stop},"usage":{usage}}}"#
        );
    }

    /// The whole message for these parts.
    pub(in crate::dialect) fn whole(&self, parts: &Parts, ending: &Ending) -> Output {
        let mut content = String::new();
        for part in parts.list() {
            if !content.is_empty() {
                content.push(',');
            }
            content.push_str(&self.block(part, &part.text, parts.reasoning_name));
        }
        let mut out = Output::default();
        self.write(&content, &stop(ending), &usage(ending.usage), &mut out);
        out
    }

    /// A block with this text.
    pub(super) fn block(&self, part: &Part, text: &str, reasoning_name: &str) -> String {
        match part.kind {
            PartKind::Text | PartKind::Refusal => format!(r#"{{"type":"text","text":"{text}"}}"#),
            PartKind::Reasoning => {
                format!(r#"{{"type":"thinking","thinking":"{text}","signature":"{MARK}{reasoning_name}"}}"#)
            }
            PartKind::Call => {
                let input = object(text).unwrap_or_else(|| "{}".to_owned());
                let name = self.tools.original(&part.name).map_or(part.name.as_str(), |tool| &tool.name);
                format!(r#"{{"type":"tool_use","id":"{}","name":"{name}","input":{input}}}"#, part.id)
            }
        }
    }
}

/// Why a message ended, as members.
pub(super) fn stop(ending: &Ending) -> String {
    let reason = match (ending.reason, &ending.stop_sequence) {
        (StopReason::Stop, Some(_)) => "stop_sequence",
        (StopReason::Stop, None) => "end_turn",
        (StopReason::Length, _) => "max_tokens",
        (StopReason::Filter, _) => "refusal",
        (StopReason::Calls, _) => "tool_use",
    };
    let sequence = ending.stop_sequence.as_deref().unwrap_or("null");
    format!(r#""stop_reason":"{reason}","stop_sequence":{sequence}"#)
}

/// The tokens of a message. Anthropic does not count what is read from a cache as input.
pub(super) fn usage(counts: TokenCounts) -> String {
    let TokenCounts { input, cached, output, .. } = counts;
    let input = input.saturating_sub(cached);
    format!(
        r#"{{"input_tokens":{input},"cache_creation_input_tokens":0,"cache_read_input_tokens":{cached},"output_tokens":{output}}}"#
    )
}
