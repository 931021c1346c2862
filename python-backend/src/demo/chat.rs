//! The demo model behind `POST /v1/chat/completions`.

use std::time::Duration;

use serde_json::{Value, json};
use space_kit::respond::to_json;
use space_kit::{Body, BoxError, Error, HandlerResult, Response, Sender, StatusCode, respond};

use super::chat_json::{Envelope, tool_call};
use super::chat_request;
use super::model::{self, Completion};
use crate::dialect::{Output, Translation, Translator};
use crate::usage::{Usage, UsageRecord};
use crate::wire::sse;

/// The error for a request that the demo model cannot serve. `hint` says what to set instead.
pub(crate) fn only_chats(hint: &str) -> Error {
    let message =
        format!("the demo model only chats, at /v1/chat/completions, /v1/responses and /v1/messages{hint}");
    Error::new(StatusCode::NOT_FOUND, "model_not_found", message).param("model")
}

/// Responds to a chat completion request with this body. `created` is the time in seconds since 1970, and
/// `delay` the pause before each word of a stream. With a translation, whose chat request `body` is, the response is
/// one of its API.
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
    translation: Option<Translation>,
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
    let translator = translation.and_then(Translation::into_translator);
    if !request.stream {
        let whole = envelope.whole(&completion);
        return match translator {
            None => Ok(respond::json(&whole)),
            Some(translator) => {
                let text = translator.whole(to_json(&whole).as_bytes())?.take().concat();
                Ok(respond::with(StatusCode::OK, respond::JSON, text))
            }
        };
    }
    let with_usage = request.include_usage;
    let writer = ChunkWriter { translator: translator.map(Box::new), translated: Output::default() };
    let events = move |sender| stream(sender, writer, envelope, completion, with_usage, delay, usage);
    let mut response = Response::new(Body::produce(events));
    sse::set_headers(response.headers_mut());
    Ok(response)
}

/// Sends the role, each word, the end, and the usage if the client requested it.
async fn stream(
    mut sender: Sender,
    mut writer: ChunkWriter,
    envelope: Envelope,
    completion: Completion,
    with_usage: bool,
    delay: Duration,
    _usage: UsageRecord,
) -> Result<(), BoxError> {
    let role = json!({"role": "assistant", "content": "", "refusal": null});
    writer.send(&mut sender, &envelope.chunk(role, None, with_usage)).await?;
    if let Some(call) = &completion.call {
        let mut whole = tool_call(&envelope.id, call);
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("index".to_owned(), 0.into());
        }
        writer.send(&mut sender, &envelope.chunk(json!({"tool_calls": [whole]}), None, with_usage)).await?;
    }
    for word in &completion.words {
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        writer.send(&mut sender, &envelope.chunk(json!({"content": word}), None, with_usage)).await?;
    }
    writer.send(&mut sender, &envelope.chunk(json!({}), Some(completion.finish_reason), with_usage)).await?;
    if with_usage {
        writer.send(&mut sender, &envelope.usage_chunk(&completion)).await?;
    }
    writer.finish(&mut sender).await
}

/// Sends the chunks of a stream, or their translation.
struct ChunkWriter {
    translator: Option<Box<Translator>>,
    translated: Output,
}

impl ChunkWriter {
    async fn send(&mut self, sender: &mut Sender, chunk: &Value) -> Result<(), BoxError> {
        let text = to_json(chunk);
        match &mut self.translator {
            None => sender.send(sse::data_event(&text)).await,
            Some(translator) => {
                translator.chunk(text.as_bytes(), &mut self.translated).map_err(Error::into_reason)?;
                self.send_translated(sender).await;
            }
        }
        Ok(())
    }

    async fn finish(&mut self, sender: &mut Sender) -> Result<(), BoxError> {
        match &mut self.translator {
            None => sender.send(sse::DONE).await,
            Some(translator) => {
                translator.finish(&mut self.translated).map_err(Error::into_reason)?;
                self.send_translated(sender).await;
            }
        }
        Ok(())
    }

    async fn send_translated(&mut self, sender: &mut Sender) {
        for piece in self.translated.take() {
            sender.send(piece).await;
        }
    }
}
