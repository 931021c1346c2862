//! The demo model behind `POST /v1/chat/completions`.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use space_kit::respond::to_json;
use space_kit::{Body, BoxError, Call, HandlerResult, Response, Sender, respond};

use super::completion::{Envelope, tool_call};
use super::{Completion, MODEL, request};
use crate::access::Caller;
use crate::bill::Bill;
use crate::chunk::Usage;
use crate::config::State;
use crate::forward::event_stream;

/// Answers from the demo model; `text` is the request's body.
pub(crate) fn completion(call: &Call<State>, caller: &Caller, text: &[u8]) -> HandlerResult {
    let delay = call.state.demo_delay;
    let envelope = Envelope {
        id: format!("chatcmpl-{}", call.id.to_str().unwrap_or_default()),
        created: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
    };
    let request = request::parse(text)?;
    let completion = super::complete(&request);
    let mut bill = Bill::new(call.running.clone(), call.id.clone(), caller, MODEL);
    bill.answered = true;
    bill.tally.usage = Some(Usage {
        prompt_tokens: Some(completion.prompt_tokens),
        completion_tokens: Some(completion.completion_tokens()),
        total_tokens: None,
    });
    if !request.stream {
        return Ok(respond::json(&envelope.whole(&completion)));
    }
    let usage = request.include_usage;
    let events = move |sender| stream(sender, envelope, completion, usage, delay, bill);
    let mut response = Response::new(Body::produce(events));
    event_stream(response.headers_mut());
    Ok(response)
}

/// Server-sent events (HTML standard, section 9.2): the role, each word, the end, and the usage if asked for.
async fn stream(
    mut sender: Sender,
    envelope: Envelope,
    completion: Completion,
    usage: bool,
    delay: Duration,
    _bill: Bill,
) -> Result<(), BoxError> {
    let role = json!({"role": "assistant", "content": "", "refusal": null});
    sender.send(event(&envelope.chunk(role, None, usage))).await;
    if let Some(call) = &completion.call {
        let mut whole = tool_call(&envelope.id, call);
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("index".to_owned(), 0.into());
        }
        sender.send(event(&envelope.chunk(json!({"tool_calls": [whole]}), None, usage))).await;
    }
    for word in &completion.words {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        sender.send(event(&envelope.chunk(json!({"content": word}), None, usage))).await;
    }
    sender.send(event(&envelope.chunk(json!({}), Some(completion.finish_reason), usage))).await;
    if usage {
        sender.send(event(&envelope.usage_chunk(&completion))).await;
    }
    sender.send("data: [DONE]\n\n").await;
    Ok(())
}

fn event(chunk: &Value) -> String {
    format!("data: {}\n\n", to_json(chunk))
}
