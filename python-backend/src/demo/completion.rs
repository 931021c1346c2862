//! The JSON of an answer: one `chat.completion`, or `chat.completion.chunk`s (OpenAI API reference).

use serde_json::{Value, json};

use super::tools::ToolCall;
use crate::demo::{self, Completion};

/// What the answers to one request share.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// `chatcmpl-` and the request's id.
    pub(crate) id: String,
    /// Unix time in seconds.
    pub(crate) created: u64,
}

impl Envelope {
    /// The answer in one piece.
    pub(crate) fn whole(&self, completion: &Completion) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": demo::MODEL,
            "choices": [{
                "index": 0,
                "message": message(&self.id, completion),
                "logprobs": null,
                "finish_reason": completion.finish_reason,
            }],
            "usage": usage(completion),
        })
    }

    /// One piece of a streamed answer. `usage` is null in each where the client asked for the usage.
    pub(crate) fn chunk(&self, delta: Value, finish_reason: Option<&str>, with_usage: bool) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
        let mut chunk = self.frame(json!([choice]));
        if let (true, Some(fields)) = (with_usage, chunk.as_object_mut()) {
            fields.insert("usage".to_owned(), Value::Null);
        }
        chunk
    }

    /// The last piece where the client asked for the usage: no choices.
    pub(crate) fn usage_chunk(&self, completion: &Completion) -> Value {
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
            "model": demo::MODEL,
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

/// A call as a message has it.
pub(crate) fn tool_call(id: &str, call: &ToolCall) -> Value {
    let function = json!({"name": call.name, "arguments": call.arguments});
    json!({"id": format!("call_{id}"), "type": "function", "function": function})
}

fn usage(completion: &Completion) -> Value {
    let (prompt, made) = (completion.prompt_tokens, completion.completion_tokens());
    json!({"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made})
}
