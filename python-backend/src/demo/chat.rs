//! The demo model behind `POST /v1/chat/completions`.

use std::time::Duration;

use serde_json::{Value, json};
use space_kit::respond::to_json;
use space_kit::{Body, BoxError, Error, HandlerResult, Response, Sender, StatusCode, respond};

use super::chat_json::{Envelope, tool_call};
use super::chat_request;
use super::model::{self, Completion};
use crate::usage::{Usage, UsageRecord};
use crate::wire::sse;

/// The error for a request that the demo model cannot serve. `hint` says what to set instead.
pub(crate) fn only_chats(hint: &str) -> Error {
    let message = format!("the demo model only chats, at /v1/chat/completions{hint}");
    Error::new(StatusCode::NOT_FOUND, "model_not_found", message).param("model")
}

/// Responds to a chat completion request with this body. `created` is the time in seconds since 1970, and
/// `delay` the pause before each word of a stream.
///
/// # Errors
///
/// 400 if the body is invalid.
pub(crate) fn chat(
    body: &[u8],
    id: String,
    created: u64,
    delay: Duration,
    mut usage: UsageRecord,
) -> HandlerResult {
    let envelope = Envelope { id, created };
    let request = chat_request::parse(body)?;
    let completion = model::complete(&request);
    usage.begun = true;
    usage.reported = Some(Usage {
        prompt_tokens: Some(completion.prompt_tokens),
        completion_tokens: Some(completion.completion_tokens()),
        total_tokens: None,
    });
    if !request.stream {
        return Ok(respond::json(&envelope.whole(&completion)));
    }
    let with_usage = request.include_usage;
    let events = move |sender| stream(sender, envelope, completion, with_usage, delay, usage);
    let mut response = Response::new(Body::produce(events));
    sse::set_headers(response.headers_mut());
    Ok(response)
}

/// Sends the role, each word, the end, and the usage if the client requested it.
async fn stream(
    mut sender: Sender,
    envelope: Envelope,
    completion: Completion,
    with_usage: bool,
    delay: Duration,
    _usage: UsageRecord,
) -> Result<(), BoxError> {
    let role = json!({"role": "assistant", "content": "", "refusal": null});
    sender.send(event(&envelope.chunk(role, None, with_usage))).await;
    if let Some(call) = &completion.call {
        let mut whole = tool_call(&envelope.id, call);
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("index".to_owned(), 0.into());
        }
        sender.send(event(&envelope.chunk(json!({"tool_calls": [whole]}), None, with_usage))).await;
    }
    for word in &completion.words {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        sender.send(event(&envelope.chunk(json!({"content": word}), None, with_usage))).await;
    }
    sender.send(event(&envelope.chunk(json!({}), Some(completion.finish_reason), with_usage))).await;
    if with_usage {
        sender.send(event(&envelope.usage_chunk(&completion))).await;
    }
    sender.send(sse::DONE).await;
    Ok(())
}

fn event(chunk: &Value) -> String {
    sse::data_event(&to_json(chunk))
}
