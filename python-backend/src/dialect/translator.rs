//! Translates the response to a chat request, whole or chunk by chunk.

use space_kit::Error;

use super::form::{ChatForm, ResponseContext};
use super::messages::{MessageEvents, MessageForm};
use super::output::Output;
use super::parts::Parts;
use super::raw::{Fields, Raw};
use super::responses::{ResponseEvents, ResponseForm};
use super::writer::{Ending, PartWriter, StopReason, TokenCounts};
use crate::errors::upstream::bad_gateway;
use crate::json::quoted;
use crate::wire::dialect::Dialect;

/// The longest part of an id that comes from the request.
const MAX_SEED: usize = 64;

/// The response to one chat request on its way to the client.
#[derive(Debug)]
pub(crate) struct Translator {
    parts: Parts,
    events: Events,
    dropped_tools: String,
    begun: bool,
    /// The tokens of the request, estimated.
    estimate: u64,
    /// Chunks with content: the tokens of an upstream that reports no usage.
    chunks: u64,
    finish_reason: Option<String>,
    stop_sequence: Option<String>,
    usage: Option<TokenCounts>,
}

/// The events of one of the two APIs.
#[derive(Debug)]
enum Events {
    Responses(ResponseEvents),
    Messages(MessageEvents),
}

impl Translator {
    /// The translator for the response to a chat request.
    pub(super) fn new(chat: ChatForm, context: ResponseContext) -> Translator {
        let ResponseContext { id, created, model, limit } = context;
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let seed: String = id.chars().filter(is_plain).take(MAX_SEED).collect();
        let (parts, model, tools) = (Parts::new(seed.clone(), limit), quoted(&model), chat.tools);
        let events = match chat.dialect {
            Dialect::Messages => Events::Messages(MessageEvents::new(MessageForm { seed, model, tools })),
            _ => Events::Responses(ResponseEvents::new(ResponseForm { seed, created, model, tools })),
        };
        Translator {
            parts,
            events,
            dropped_tools: chat.dropped_tools.join(", "),
            begun: false,
            estimate: chat.estimate,
            chunks: 0,
            finish_reason: None,
            stop_sequence: None,
            usage: None,
        }
    }

    /// The types of the tools that were dropped from the request, or "".
    pub(crate) fn dropped_tools(&self) -> &str {
        &self.dropped_tools
    }

    /// The bytes of text that this holds.
    pub(crate) fn held(&self) -> usize {
        self.parts.held(matches!(self.events, Events::Responses(_)))
    }

    /// Translates a chunk. The data is a JSON object.
    ///
    /// # Errors
    ///
    /// If the response is too long.
    pub(crate) fn chunk(&mut self, data: &[u8], out: &mut Output) -> Result<(), Error> {
        self.start(out);
        self.read(data, "delta")?;
        self.parts.write(self.events.writer(), false, out)
    }

    /// Writes the last events.
    ///
    /// # Errors
    ///
    /// If a call has no name.
    pub(crate) fn finish(&mut self, out: &mut Output) -> Result<(), Error> {
        self.start(out);
        let ending = self.ending();
        if let Events::Responses(events) = &mut self.events {
            events.set_ending(&ending);
        }
        self.parts.write(self.events.writer(), true, out)?;
        match &mut self.events {
            Events::Responses(events) => events.finish(&ending, out),
            Events::Messages(events) => events.finish(&ending, out),
        }
        Ok(())
    }

    /// Writes the event of a failure.
    pub(crate) fn fail(&mut self, error: &Error, out: &mut Output) {
        match &mut self.events {
            Events::Responses(events) => events.fail(error, out),
            Events::Messages(_) => out.push(&Dialect::Messages.error_event(error)),
        }
    }

    /// Translates a whole response, a JSON object.
    ///
    /// # Errors
    ///
    /// If the response is too long, has no choice, or calls a tool without its name.
    pub(crate) fn whole(mut self, body: &[u8]) -> Result<Output, Error> {
        if !self.read(body, "message")? {
            return Err(bad_gateway("the upstream's response has no choice"));
        }
        self.parts.complete()?;
        let ending = self.ending();
        Ok(match &self.events {
            Events::Responses(events) => events.whole(&self.parts, &ending),
            Events::Messages(events) => events.whole(&self.parts, &ending),
        })
    }

    fn start(&mut self, out: &mut Output) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        match &mut self.events {
            Events::Responses(events) => events.start(out),
            Events::Messages(events) => events.start(self.estimate, out),
        }
    }

    /// Reads a chunk or a whole response. Returns whether it has a choice.
    fn read(&mut self, data: &[u8], member: &str) -> Result<bool, Error> {
        let top = Raw::of(data).fields();
        if let Some(usage) = top.get("usage").map(Raw::fields) {
            let detail = |group, name| usage.fields(group).number(name).unwrap_or(0);
            self.usage = Some(TokenCounts {
                input: usage.number("prompt_tokens").unwrap_or(self.estimate),
                cached: detail("prompt_tokens_details", "cached_tokens"),
                output: usage.number("completion_tokens").unwrap_or(self.chunks),
                reasoning: detail("completion_tokens_details", "reasoning_tokens"),
            });
        }
        let choices = top.items("choices").into_iter().map(Raw::fields);
        let first = |choice: &Fields<'_>| choice.number("index").unwrap_or(0) == 0;
        let Some(choice) = choices.into_iter().find(first) else { return Ok(false) };
        self.parts.add(&choice.fields(member))?;
        self.chunks += 1;
        if let Some(reason) = choice.get("finish_reason").and_then(Raw::string) {
            self.finish_reason = Some(reason.into_owned());
        }
        // vLLM names the stop sequence here, or a token by its number.
        if let Some(sequence) = choice.get("stop_reason").filter(|reason| reason.inner().is_some()) {
            self.stop_sequence = Some(sequence.text().to_owned());
        }
        Ok(true)
    }

    fn ending(&self) -> Ending {
        let reason = match self.finish_reason.as_deref() {
            Some("length") => StopReason::Length,
            Some("content_filter") => StopReason::Filter,
            _ if self.parts.has_calls() => StopReason::Calls,
            _ => StopReason::Stop,
        };
        let counted = TokenCounts { input: self.estimate, output: self.chunks, ..TokenCounts::default() };
        let usage = self.usage.unwrap_or(counted);
        Ending { reason, stop_sequence: self.stop_sequence.clone(), usage }
    }
}

impl Events {
    fn writer(&mut self) -> &mut dyn PartWriter {
        match self {
            Events::Responses(events) => events,
            Events::Messages(events) => events,
        }
    }
}
