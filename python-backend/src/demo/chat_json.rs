//! The JSON of a response: one `chat.completion`, or `chat.completion.chunk`s (OpenAI API reference).

use serde_json::{Value, json};

use super::model::Completion;
use super::tools::ToolCall;
use crate::catalogue::DEMO_MODEL;

/// What all JSON in response to one request has in common.
#[derive(Debug)]
pub(super) struct Envelope {
    /// `chatcmpl-` and the request's id.
    pub(super) id: String,
    /// Unix time in seconds.
    pub(super) created: u64,
}

impl Envelope {
    /// The whole response.
    pub(super) fn whole(&self, completion: &Completion) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": DEMO_MODEL,
            "choices": [{
                "index": 0,
                "message": message(&self.id, completion),
                "logprobs": null,
                "finish_reason": completion.finish_reason,
            }],
            "usage": usage(completion),
        })
    }

    /// One chunk of a streamed response. Each has a null `usage` if the client requested the usage.
    pub(super) fn chunk(&self, delta: Value, finish_reason: Option<&str>, with_usage: bool) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
        let mut chunk = self.frame(json!([choice]));
        if let (true, Some(fields)) = (with_usage, chunk.as_object_mut()) {
            fields.insert("usage".to_owned(), Value::Null);
        }
        chunk
    }

    /// The last chunk if the client requested the usage: it has no choices.
    pub(super) fn usage_chunk(&self, completion: &Completion) -> Value {
        let mut chunk = self.frame(json!([]));
        if let Some(fields) = chunk.as_object_mut() {
            fields.insert("usage".to_owned(), usage(completion));
        }
        chunk
    }

    fn frame(&self, choices: Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": DEMO_MODEL,
            "choices": choices,
        })
    }
}

fn message(id: &str, completion: &Completion) -> Value {
    let content = if completion.call.is_some() { Value::Null } else { completion.text().into() };
    let mut message = json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
    if let (Some(call), Some(fields)) = (&completion.call, message.as_object_mut()) {
        fields.insert("tool_calls".to_owned(), json!([tool_call(id, call)]));
    }
    message
}

/// A tool call in the form of a message.
pub(super) fn tool_call(id: &str, call: &ToolCall) -> Value {
    let function = json!({"name": call.name, "arguments": call.arguments});
    json!({"id": format!("call_{id}"), "type": "function", "function": function})
}

fn usage(completion: &Completion) -> Value {
    let (prompt, completion) = (completion.prompt_tokens, completion.completion_tokens());
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion})
}
