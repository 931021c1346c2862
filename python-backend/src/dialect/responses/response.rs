//! The response object.

use std::fmt::Write;

use bytes::Bytes;
use space_kit::{Error, StatusCode};

use super::form::ResponseForm;
use super::item::{Item, custom_input, is_custom};
use crate::dialect::output::Output;
use crate::dialect::parts::Parts;
use crate::dialect::writer::{Ending, StopReason};
use crate::json::quoted;

impl ResponseForm {
    /// Appends a response object without items: at its beginning, or after a failure.
    pub(super) fn write_empty(&self, error: Option<&Error>, out: &mut Output) {
        self.begin(if error.is_some() { "failed" } else { "in_progress" }, error, "null", out);
        out.push("]");
        out.push(r#","usage":null}"#);
    }

    /// Appends the object of an answer that has ended.
    pub(super) fn write_ended(&self, items: &[Item], ending: &Ending, out: &mut Output) {
        let (status, details) = match ending.reason {
            StopReason::Length => ("incomplete", r#"{"reason":"max_output_tokens"}"#),
            StopReason::Filter => ("incomplete", r#"{"reason":"content_filter"}"#),
            StopReason::Stop | StopReason::Calls => ("completed", "null"),
        };
        self.begin(status, None, details, out);
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(",");
            }
            item.write(out);
        }
        let usage = ending.usage;
        _ = write!(
            out,
            r#"],"usage":{{"input_tokens":{},"input_tokens_details":{{"cached_tokens":{}}},"output_tokens":{},"output_tokens_details":{{"reasoning_tokens":{}}},"total_tokens":{}}}}}"#,
            usage.input,
            usage.cached,
            usage.output,
            usage.reasoning,
            usage.input.saturating_add(usage.output)
        );
    }

    /// Appends the object up to the items of its output.
    fn begin(&self, status: &str, error: Option<&Error>, details: &str, out: &mut Output) {
        let ResponseForm { seed, created, model, .. } = self;
        let error = error.map_or("null".to_owned(), |error| {
            let code = match error.status {
                StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
                status if status.is_server_error() => "server_error",
                _ => error.code,
            };
            format!(r#"{{"code":"{code}","message":{}}}"#, quoted(&error.message))
        });
        _ = write!(
            out,
            r#"{{"id":"resp_{seed}","object":"response","created_at":{created},"status":"{status}","background":false,"error":{error},"incomplete_details":{details},"instructions":null,"max_output_tokens":null,"model":{model},"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{{"effort":null,"summary":null}},"store":false,"temperature":null,"text":{{"format":{{"type":"text"}}}},"tool_choice":"auto","tools":[],"top_p":null,"truncation":"disabled","metadata":{{}},"output":["#
        );
    }

    /// The whole response for these parts.
    pub(in crate::dialect) fn whole(&self, parts: &Parts, ending: &Ending) -> Output {
        let mut items = Vec::new();
        for (at, part) in parts.list().iter().enumerate() {
            let text = match is_custom(self, part) {
                true => custom_input(&part.text),
                false => part.text.clone(),
            };
            let is_last = at.wrapping_add(1) == parts.list().len();
            let status = if is_last { item_status(ending) } else { "completed" };
            items.push(Item::new(self, at, part, Bytes::from(text), parts.reasoning_name, status));
        }
        let mut out = Output::default();
        self.write_ended(&items, ending, &mut out);
        out
    }
}

/// The status of an answer's last item.
pub(super) fn item_status(ending: &Ending) -> &'static str {
    match ending.reason {
        StopReason::Length | StopReason::Filter => "incomplete",
        _ => "completed",
    }
}
