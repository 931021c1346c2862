//! Requests, whole responses and streams, without a socket.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{ChatForm, Output, ResponseContext, Translation, Translator, check};
use crate::wire::dialect::Dialect;

mod answers;
mod golden;
mod requests;

const BOTH: [Dialect; 2] = [Dialect::Responses, Dialect::Messages];

/// The chat request for a request.
fn translation(dialect: Dialect, request: impl Into<Bytes>, streams: bool) -> Translation {
    let (id, model) = ("id-1".to_owned(), "m\"".to_owned());
    Translation::new(
        dialect,
        request.into(),
        streams,
        ResponseContext { id, created: 1, model, limit: 1 << 20 },
    )
}

/// The body of the chat request for a request, and the dropped tools.
fn chat(dialect: Dialect, request: &Value) -> Result<(Value, Vec<String>), space_kit::Error> {
    let translation = translation(dialect, request.to_string(), request["stream"] == true);
    let ChatForm { body, dropped_tools, .. } = translation.chat()?;
    Ok((serde_json::from_slice(body).unwrap(), dropped_tools.clone()))
}

/// The translator of the response to a request with these more members.
fn translator(dialect: Dialect, more: &Value) -> Translator {
    let mut request = json!({"model": "m", "input": "hi", "messages": [{"role": "user", "content": "hi"}]});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let translation = translation(dialect, request.to_string(), false);
    translation.chat().unwrap();
    translation.into_translator().unwrap()
}

fn text(out: &mut Output) -> String {
    String::from_utf8(out.take().concat()).unwrap()
}

/// The events for these chunks.
fn stream(mut translator: Translator, chunks: &[Value]) -> Result<String, space_kit::Error> {
    let mut out = Output::default();
    for chunk in chunks {
        translator.chunk(chunk.to_string().as_bytes(), &mut out)?;
    }
    translator.finish(&mut out)?;
    Ok(text(&mut out))
}

/// A chunk with this delta.
fn chunk(delta: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

/// The last chunks.
fn end(reason: &str) -> [Value; 2] {
    let usage = json!({"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 4}, "completion_tokens_details": {"reasoning_tokens": 3}});
    [
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}),
        json!({"choices": [], "usage": usage}),
    ]
}
