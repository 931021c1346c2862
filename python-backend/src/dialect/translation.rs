//! A request of `/v1/responses` or `/v1/messages` and its form as a chat request, which is made when the first
//! upstream needs it.

use std::fmt::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use space_kit::Error;

use super::form::{ChatForm, ResponseContext};
use super::messages;
use super::raw::Raw;
use super::responses;
use super::tokens;
use super::translator::Translator;
use super::writer::MARK;
use crate::json::{self, Splice};
use crate::wire::dialect::Dialect;

/// A request that may have to be translated.
#[derive(Debug)]
pub(crate) struct Translation {
    dialect: Dialect,
    /// The body with the model for the upstream. `ChatBody::read` has accepted it.
    body: Bytes,
    streams: bool,
    context: ResponseContext,
    form: OnceLock<ChatForm>,
}

impl Translation {
    /// A request with this body, which `ChatBody::read` has accepted.
    pub(crate) fn new(dialect: Dialect, body: Bytes, streams: bool, context: ResponseContext) -> Translation {
        Translation { dialect, body, streams, context, form: OnceLock::new() }
    }

    /// The API of the request.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The request as a chat request.
    ///
    /// # Errors
    ///
    /// 400 if it cannot be one.
    pub(crate) fn chat(&self) -> Result<&ChatForm, Error> {
        if let Some(form) = self.form.get() {
            return Ok(form);
        }
        let form = chat_form(self.dialect, &self.body, self.streams)?;
        Ok(self.form.get_or_init(|| form))
    }

    /// The tokens of a request of `/v1/messages`, estimated.
    ///
    /// # Errors
    ///
    /// 400 if it cannot be a chat request.
    pub(crate) fn tokens(&self) -> Result<u64, Error> {
        self.chat().map(|form| form.estimate)
    }

    /// The translator of the response, if the chat request was needed.
    pub(crate) fn into_translator(self) -> Option<Translator> {
        self.form.into_inner().map(|form| Translator::new(form, self.context))
    }
}

/// The chat request for a request.
fn chat_form(dialect: Dialect, body: &Bytes, streams: bool) -> Result<ChatForm, Error> {
    let request = Raw::of(body).fields();
    let mut out = String::with_capacity(body.len().saturating_add(512));
    out.push('{');
    if let Some(model) = request.get("model") {
        _ = write!(out, r#""model":{},"#, model.text());
    }
    out.push_str(match streams {
        true => r#""stream":true,"stream_options":{"include_usage":true}"#,
        false => r#""stream":false"#,
    });
    let (tools, dropped_tools) = match dialect {
        Dialect::Messages => messages::write_chat(&request, &mut out)?,
        _ => responses::write_chat(&request, &mut out)?,
    };
    out.push('}');
    let estimate = if dialect == Dialect::Messages { tokens::of_chat(&out) } else { 0 };
    Ok(ChatForm { body: out.into(), dropped_tools, dialect, tools, estimate })
}

/// The body for an upstream that speaks the API itself: without the reasoning that the gateway wrote. Any other body
/// stays as it is.
pub(crate) fn without_own_reasoning(dialect: Dialect, body: Bytes) -> Bytes {
    let is_marked = std::str::from_utf8(&body).is_ok_and(|text| text.contains(MARK));
    let name = if dialect == Dialect::Messages { "messages" } else { "input" };
    let Some(list) = json::members(&body, [name]).ok().filter(|_| is_marked) else { return body };
    let Some(list) = list.get(name) else { return body };
    let items = Raw::of(body.get(list.value.clone()).unwrap_or_default()).items();
    let kept: Vec<String> = items
        .into_iter()
        .filter_map(|item| match dialect {
            Dialect::Messages => messages::without_own_thinking(item),
            _ => (!responses::is_own_reasoning(&item.fields())).then(|| item.text().to_owned()),
        })
        .collect();
    let mut splice = Splice::default();
    splice.replace(&list.value, format!("[{}]", kept.join(",")));
    splice.apply(&body).into_bytes()
}
