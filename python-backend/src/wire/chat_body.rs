//! The body of a request to a model (chat/completions, completions, embeddings, responses, messages): what
//! the gateway reads and changes in it. Everything else stays byte for byte, for the upstream to check.

use bytes::Bytes;
use space_kit::Error;

use crate::errors::openai::{invalid, not_json};
use crate::json::{self, Members, Pieces, ScanError, Span, Splice, quoted};

const MODEL: &str = "model";
const STREAM: &str = "stream";
const OPTIONS: &str = "stream_options";
const USAGE: &str = "include_usage";
const ENCODING: &str = "encoding_format";
const N: &str = "n";
const PROMPT: &str = "prompt";
const BACKGROUND: &str = "background";

/// The longest name of a model, in characters. It appears in the log and in `/metrics`.
const MAX_MODEL_CHARS: usize = 256;

/// A request body that has been read.
#[derive(Debug)]
pub(crate) struct ChatBody {
    /// The requested model; `null` counts as absent.
    pub(crate) model: Option<String>,
    /// Whether the client wants a stream.
    pub(crate) stream: bool,
    /// `stream_options.include_usage`.
    pub(crate) include_usage: Option<bool>,
    /// `encoding_format` of embeddings.
    pub(crate) encoding_format: Option<String>,
    /// The number of choices requested: `n` for each prompt of completions.
    pub(crate) choices: usize,
    /// `background` of responses.
    pub(crate) background: bool,
    text: Bytes,
    members: Members<7>,
    options: Option<Members<1>>,
}

/// Changes to make on the way to the upstream.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Changes<'a> {
    /// Another model.
    pub(crate) model: Option<&'a str>,
    /// Request the usage at the end of a stream. It has no effect without a stream, because upstreams reject
    /// `stream_options` there.
    pub(crate) usage: bool,
    /// Request embeddings as numbers if the client asks for another encoding.
    pub(crate) floats: bool,
}

impl ChatBody {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// 400 if the body is not a JSON object or a member has the wrong type. The error's `param` is the path
    /// in the JSON.
    pub(crate) fn read(text: Bytes) -> Result<ChatBody, Error> {
        let members = json::members(&text, [MODEL, STREAM, OPTIONS, ENCODING, N, PROMPT, BACKGROUND])
            .map_err(rejected)?;
        let raw = |name| members.get(name).map(|member| slice(&text, &member.value)).filter(not_null);
        let words = |name| raw(name).map(|raw| words(raw, name)).transpose();
        let model = words(MODEL)?;
        if model.as_deref() == Some("") {
            return Err(invalid(MODEL, "model must be a non-empty string"));
        }
        if model.as_ref().is_some_and(|model| model.chars().count() > MAX_MODEL_CHARS) {
            return Err(invalid(MODEL, "model must be the id of a model, of up to 256 characters"));
        }
        let stream = raw(STREAM).map(|raw| flag(raw, STREAM)).transpose()?;
        let encoding_format = words(ENCODING)?;
        let options = match members.get(OPTIONS).filter(|_| raw(OPTIONS).is_some()) {
            Some(member) => Some(options(&text, &member.value)?),
            None => None,
        };
        let usage = options.as_ref().and_then(|options| options.get(USAGE));
        let usage = usage.map(|member| slice(&text, &member.value)).filter(not_null);
        let include_usage = usage.map(|raw| flag(raw, "stream_options.include_usage")).transpose()?;
        let stream = stream.unwrap_or_default();
        let each = raw(N).and_then(|raw| std::str::from_utf8(raw).ok()?.parse().ok()).unwrap_or(1);
        let prompts = members.get(PROMPT).map_or(1, |member| prompts(&text, &member.value));
        let choices = prompts.saturating_mul(each);
        let background = raw(BACKGROUND) == Some(b"true");
        let body = ChatBody {
            model,
            stream,
            include_usage,
            encoding_format,
            choices,
            background,
            text,
            members,
            options,
        };
        Ok(body)
    }

    /// The body with these changes and no others.
    pub(crate) fn with(&self, changes: Changes<'_>) -> Pieces {
        let mut splice = Splice::default();
        let mut add: Vec<(&str, String)> = Vec::new();
        if let Some(model) = changes.model {
            match self.members.get(MODEL) {
                Some(member) => splice.replace(&member.value, quoted(model)),
                None => add.push((MODEL, quoted(model))),
            }
        }
        if changes.usage && self.stream && self.include_usage != Some(true) {
            self.add_usage(&mut splice, &mut add);
        }
        if let (true, Some(member)) = (changes.floats, self.members.get(ENCODING))
            && self.encoding_format.as_deref().is_some_and(|format| format != "float")
        {
            splice.replace(&member.value, r#""float""#);
        }
        let add: Vec<_> = add.iter().map(|(name, value)| (*name, value.as_str())).collect();
        splice.reshape(&self.members, &[], &add);
        splice.apply(&self.text)
    }

    fn add_usage(&self, splice: &mut Splice, add: &mut Vec<(&str, String)>) {
        const ON: &str = r#"{"include_usage":true}"#;
        match (&self.options, self.members.get(OPTIONS)) {
            (Some(options), _) => match options.get(USAGE) {
                Some(member) => splice.replace(&member.value, "true"),
                None => splice.reshape(options, &[], &[(USAGE, "true")]),
            },
            (None, Some(null)) => splice.replace(&null.value, ON),
            (None, None) => add.push((OPTIONS, ON.to_owned())),
        }
    }

    /// Whether requesting the usage adds `stream_options`, which the client did not send.
    pub(crate) fn adds_options(&self) -> bool {
        self.options.is_none()
    }

    /// The body with another model.
    pub(crate) fn with_model(&self, model: &str) -> Pieces {
        self.with(Changes { model: Some(model), ..Changes::default() })
    }
}

/// A body with another model. [`ChatBody::read`] must have accepted `text`.
pub(crate) fn with_model(text: &Bytes, model: &str) -> Bytes {
    let body = ChatBody::read(text.clone());
    body.map_or_else(|_| text.clone(), |body| body.with_model(model).into_bytes())
}

/// Members that some upstreams reject, and that a request can do without.
pub(crate) const OPTIONAL: [&str; 3] = [OPTIONS, "reasoning_effort", "parallel_tool_calls"];

/// A body without some of the `OPTIONAL` members. Bit n of `removed` stands for the nth.
pub(crate) fn without(text: &Bytes, removed: u8) -> Bytes {
    let Ok(members) = json::members(text, OPTIONAL) else { return text.clone() };
    let names = OPTIONAL.iter().enumerate().filter(|(at, _)| removed >> at & 1 == 1);
    let names: Vec<&str> = names.map(|(_, name)| *name).collect();
    let mut splice = Splice::default();
    splice.reshape(&members, &names, &[]);
    splice.apply(text).into_bytes()
}

fn options(text: &[u8], place: &Span) -> Result<Members<1>, Error> {
    if !slice(text, place).starts_with(b"{") {
        return Err(invalid(OPTIONS, "stream_options must be an object"));
    }
    json::members_in(text, place, [USAGE]).map_err(|error| match error.key() {
        Some(_) => invalid("stream_options.include_usage", error.to_string()),
        None => rejected(error),
    })
}

/// The number of prompts: texts or token lists in a list. A single list of tokens is one prompt.
fn prompts(text: &[u8], place: &Span) -> usize {
    let mut count = 0_usize;
    let mut each = |item: Span| {
        let is_prompt = slice(text, &item).first().is_some_and(|b| matches!(b, b'"' | b'['));
        count = count.wrapping_add(usize::from(is_prompt));
    };
    _ = json::items_in(text, place, &mut each);
    count.max(1)
}

fn rejected(error: ScanError) -> Error {
    match error.key() {
        Some(key) => invalid(key, error.to_string()),
        None => not_json(format!("the body must be a JSON object: {error}")),
    }
}

fn slice<'a>(text: &'a [u8], place: &Span) -> &'a [u8] {
    text.get(place.clone()).unwrap_or_default()
}

fn not_null(raw: &&[u8]) -> bool {
    *raw != b"null"
}

fn words(raw: &[u8], name: &'static str) -> Result<String, Error> {
    let text = json::string(raw).ok_or_else(|| invalid(name, format!("{name} must be a string")))?;
    Ok(text.into_owned())
}

fn flag(raw: &[u8], name: &'static str) -> Result<bool, Error> {
    match raw {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => Err(invalid(name, format!("{name} must be true or false"))),
    }
}

#[cfg(test)]
mod tests;
