//! `POST /v1/chat/completions`.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use space_kit::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use space_kit::{Answer, Body, BoxError, Call, Sender, StatusCode, respond};

use crate::completion::Envelope;
use crate::config::State;
use crate::demo::{self, Completion};
use crate::{models, request};

/// Keeps proxies such as nginx from holding a stream back.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(crate) async fn completions(call: Call<State>) -> Answer {
    let delay = call.app.state.demo_delay;
    let envelope = Envelope {
        id: format!("chatcmpl-{}", call.id.to_str().unwrap_or_default()),
        created: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs(),
    };
    let request = request::parse(&call.body.bytes().await?)?;
    if request.model != demo::MODEL {
        return Err(models::unknown(&request.model));
    }
    let completion = demo::complete(&request);
    if !request.stream {
        return Ok(respond::json(&envelope.whole(&completion)));
    }
    let usage = request.include_usage;
    let events = Body::produce(move |sender| stream(sender, envelope, completion, usage, delay));
    let mut response = respond::with(StatusCode::OK, HeaderValue::from_static("text/event-stream"), events);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

/// Server-sent events (HTML standard, section 9.2): the role, each word, the end, and the usage if asked for.
async fn stream(
    mut sender: Sender,
    envelope: Envelope,
    completion: Completion,
    usage: bool,
    delay: Duration,
) -> Result<(), BoxError> {
    let role = json!({"role": "assistant", "content": "", "refusal": null});
    sender.send(event(&envelope.chunk(role, None, usage))).await;
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
    format!("data: {chunk}\n\n")
}
