//! The messages of a chat request, from the items or blocks of another API. A chat requires that the results of an
//! assistant message's calls follow it at once, in any order, so results are collected first.

use std::fmt::Write;

use space_kit::Error;

use super::raw::Raw;
use crate::errors::openai::invalid;
use crate::json::quoted;

/// What stands for the result of a call that has none.
const NO_RESULT: &str = "(no result)";
/// The most calls and the most results of one conversation.
const MAX_CALLS: usize = 8192;

/// A part of a message's content. All texts are JSON strings without quotes.
#[derive(Debug, Clone, Copy)]
pub(super) enum ContentPart<'a> {
    Text(&'a str),
    /// An image by its address. `detail` may be "".
    Image {
        url: &'a str,
        detail: &'a str,
    },
    /// An image as base64.
    Base64 {
        media_type: &'a str,
        data: &'a str,
    },
}

/// The content of one message.
pub(super) type MessageContent<'a> = Vec<ContentPart<'a>>;

fn is_text(part: &ContentPart<'_>) -> bool {
    matches!(part, ContentPart::Text(_))
}

/// Appends the texts of a content, line by line.
fn append_texts(content: &[ContentPart<'_>], out: &mut String) {
    let mut is_first = true;
    for part in content {
        if let ContentPart::Text(text) = part {
            if !std::mem::take(&mut is_first) {
                out.push_str("\\n");
            }
            out.push_str(text);
        }
    }
}

/// Appends the parts of a content as parts of a chat message.
fn append_parts<'a>(parts: impl Iterator<Item = &'a ContentPart<'a>>, out: &mut String) {
    let mut before = '[';
    for part in parts {
        out.push(before);
        before = ',';
        _ = match part {
            ContentPart::Text(text) => write!(out, r#"{{"type":"text","text":"{text}"}}"#),
            ContentPart::Image { url, detail: "" } => {
                write!(out, r#"{{"type":"image_url","image_url":{{"url":"{url}"}}}}"#)
            }
            ContentPart::Image { url, detail } => {
                write!(out, r#"{{"type":"image_url","image_url":{{"url":"{url}","detail":"{detail}"}}}}"#)
            }
            ContentPart::Base64 { media_type, data } => write!(
                out,
                r#"{{"type":"image_url","image_url":{{"url":"data:{media_type};base64,{data}"}}}}"#
            ),
        };
    }
    out.push(']');
}

/// A result of a call.
#[derive(Debug)]
struct CallResult<'a> {
    id: &'a str,
    content: MessageContent<'a>,
    used: bool,
}

/// The messages so far.
#[derive(Debug, Default)]
pub(super) struct Conversation<'a> {
    /// The finished messages, as JSON.
    messages: String,
    /// Texts for the first message.
    system: String,
    /// The assistant's message that is being collected.
    text: String,
    reasoning: String,
    reasoning_name: &'a str,
    calls: Vec<(&'a str, String)>,
    /// The assistant has said something.
    has_answer: bool,
    /// The ids of all calls.
    call_ids: Vec<&'a str>,
    results: Vec<CallResult<'a>>,
}

impl<'a> Conversation<'a> {
    /// Announces a call. Announce all calls and results before the messages.
    ///
    /// # Errors
    ///
    /// 400 if there are too many.
    pub(super) fn announce_call(&mut self, id: &'a str) -> Result<(), Error> {
        self.call_ids.push(id);
        within_limit(self.call_ids.len())
    }

    /// Announces the result of a call.
    ///
    /// # Errors
    ///
    /// 400 if there are too many.
    pub(super) fn announce_result(&mut self, id: &'a str, content: MessageContent<'a>) -> Result<(), Error> {
        self.results.push(CallResult { id, content, used: false });
        within_limit(self.results.len())
    }

    /// Adds a text of the system. Many chat templates accept a system message only at the beginning, so a text of the
    /// first turn goes there, and a later one becomes a message of the user.
    pub(super) fn add_system(&mut self, content: &[ContentPart<'_>]) {
        self.end_assistant();
        if self.has_answer {
            return self.add_user(content);
        }
        if !self.system.is_empty() {
            self.system.push_str("\\n\\n");
        }
        append_texts(content, &mut self.system);
    }

    pub(super) fn add_user(&mut self, content: &[ContentPart<'_>]) {
        self.end_assistant();
        self.begin_message("user");
        if content.iter().all(is_text) {
            self.messages.push('"');
            append_texts(content, &mut self.messages);
            self.messages.push('"');
        } else {
            append_parts(content.iter(), &mut self.messages);
        }
        self.messages.push('}');
    }

    /// Adds text to the assistant's message.
    pub(super) fn add_assistant(&mut self, content: &[ContentPart<'_>]) {
        if !self.text.is_empty() {
            self.text.push_str("\\n");
        }
        append_texts(content, &mut self.text);
    }

    /// Adds reasoning to the assistant's message, under the name that the upstream gave it.
    pub(super) fn add_reasoning(&mut self, name: &'a str, text: &str) {
        self.reasoning.push_str(text);
        self.reasoning_name = name;
    }

    /// Adds a call to the assistant's message. `arguments` is a JSON string without quotes.
    pub(super) fn add_call(&mut self, id: &'a str, name: &str, arguments: &str) {
        let call = format!(
            r#"{{"id":"{id}","type":"function","function":{{"name":"{name}","arguments":"{arguments}"}}}}"#
        );
        self.calls.push((id, call));
    }

    /// Handles the place of a result: what the assistant says next is another message. The result of an unknown call
    /// becomes a message of the user.
    pub(super) fn place_result(&mut self, id: &str) {
        self.end_assistant();
        if !self.call_ids.contains(&id)
            && let Some(content) = self.take_result(id)
        {
            self.add_user(&content);
        }
    }

    fn take_result(&mut self, id: &str) -> Option<MessageContent<'a>> {
        let result = self.results.iter_mut().find(|result| result.id == id && !result.used)?;
        result.used = true;
        Some(std::mem::take(&mut result.content))
    }

    /// Ends the assistant's message, which the results of its calls follow.
    fn end_assistant(&mut self) {
        let (text, calls) = (std::mem::take(&mut self.text), std::mem::take(&mut self.calls));
        let reasoning = std::mem::take(&mut self.reasoning);
        if text.is_empty() && calls.is_empty() {
            return;
        }
        self.has_answer = true;
        self.begin_message("assistant");
        _ = match text.is_empty() {
            true => self.messages.write_str("null"),
            false => write!(self.messages, "\"{text}\""),
        };
        if !reasoning.is_empty() {
            _ = write!(self.messages, r#","{}":"{reasoning}""#, self.reasoning_name);
        }
        let mut before = ",\"tool_calls\":[";
        for (_, call) in &calls {
            self.messages.extend([before, call]);
            before = ",";
        }
        self.messages.push_str(if calls.is_empty() { "}" } else { "]}" });
        let mut images = Vec::new();
        for (id, _) in calls {
            let content = self.take_result(id).unwrap_or_else(|| vec![ContentPart::Text(NO_RESULT)]);
            self.begin_message("tool");
            self.messages.push('"');
            append_texts(&content, &mut self.messages);
            _ = write!(self.messages, r#"","tool_call_id":"{id}"}}"#);
            images.extend(content.into_iter().filter(|part| !is_text(part)));
        }
        // A tool's message has only text.
        if !images.is_empty() {
            self.add_user(&images);
        }
    }

    /// Writes the beginning of a message, up to its content.
    fn begin_message(&mut self, role: &str) {
        let comma = if self.messages.is_empty() { "" } else { "," };
        _ = write!(self.messages, r#"{comma}{{"role":"{role}","content":"#);
    }

    /// Appends the messages as a JSON array.
    pub(super) fn finish(mut self, out: &mut String) {
        self.end_assistant();
        out.push('[');
        if !self.system.is_empty() {
            let comma = if self.messages.is_empty() { "" } else { "," };
            _ = write!(out, r#"{{"role":"system","content":"{}"}}{comma}"#, self.system);
        }
        out.push_str(&self.messages);
        out.push(']');
    }
}

/// Calls are found by comparing ids, so their number is limited.
fn within_limit(count: usize) -> Result<(), Error> {
    match count <= MAX_CALLS {
        true => Ok(()),
        false => Err(invalid("input", "a conversation can have at most 8192 calls of tools here")),
    }
}

/// Arguments of a free-form tool: its text as the member `input`, in a JSON string without quotes.
pub(super) fn custom_arguments(input: &str) -> String {
    let object = quoted(&format!(r#"{{"input":"{input}"}}"#));
    Raw::of(object.as_bytes()).inner().unwrap_or_default().to_owned()
}
