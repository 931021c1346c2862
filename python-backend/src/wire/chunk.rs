//! One chunk of a streamed response (`chat.completion.chunk`, or the `text_completion` of completions). Only
//! what the gateway needs is read, from the text and without a tree.

use bytes::Bytes;

use super::choices::Choices;
use crate::json::{self, Member, Members, ScanError, Span, Splice, check_utf8};
use crate::usage::Usage;

/// The facts of one chunk, or of a whole response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// A choice has new text, reasoning, a refusal or a tool call.
    pub(crate) has_content: bool,
    /// `usage`, if it is an object.
    pub(crate) usage: Option<Usage>,
    /// `choices` is empty, null or missing. With `usage`, this is the chunk that `include_usage` asks for.
    pub(crate) choices_empty: bool,
    /// It is an error: it has `error` in any form, or vLLM's older `"object": "error"`.
    pub(crate) error: bool,
    /// It has `"error": null`, which `@huggingface/inference` treats as an error. [`without_null_error`]
    /// removes it.
    pub(crate) null_error: bool,
}

const TOP: [&str; 4] = ["choices", "usage", "error", "object"];
const CHOICE: [&str; 4] = ["finish_reason", "delta", "text", "index"];
const DELTA: [&str; 7] =
    ["content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "audio"];
const USAGE: [&str; 3] = ["prompt_tokens", "completion_tokens", "total_tokens"];

/// Whether an event's data is `[DONE]`, the end of the stream.
pub(crate) fn is_done(data: &[u8]) -> bool {
    data.trim_ascii() == b"[DONE]"
}

/// Reads one event's data and records its choices and whether they end (`finish_reason`).
///
/// # Errors
///
/// If the data is not a JSON object.
pub(crate) fn inspect(data: &[u8], choices: &mut Choices) -> Result<Chunk, ScanError> {
    let (top, mut chunk) = read(data)?;
    let list = member(data, &top, "choices");
    chunk.choices_empty = list.is_none_or(|(_, raw)| !filled(raw));
    if let Some((place, _)) = list.filter(|(_, raw)| raw.starts_with(b"[")) {
        let (mut failure, mut at) = (None, 0_u64);
        json::items_in(data, place, &mut |item| {
            failure = failure.take().or(choice(data, &item, at, choices, &mut chunk).err());
            at = at.wrapping_add(1);
        })?;
        failure.map_or(Ok(()), Err)?;
    }
    Ok(chunk)
}

/// Reads a whole response, without its choices.
///
/// # Errors
///
/// If it is not a JSON object.
pub(crate) fn inspect_whole(data: &[u8]) -> Result<Chunk, ScanError> {
    read(data).map(|(_, chunk)| chunk)
}

fn read(data: &[u8]) -> Result<(Members<4>, Chunk), ScanError> {
    check_utf8(data)?;
    let top = json::last_members_in(data, &(0..data.len()), TOP)?;
    let mut chunk = Chunk::default();
    if let Some((place, _)) = member(data, &top, "usage").filter(|(_, raw)| raw.starts_with(b"{")) {
        chunk.usage = Some(usage(data, place)?);
    }
    let error = member(data, &top, "error").map(|(_, raw)| raw != b"null");
    chunk.null_error = error == Some(false);
    chunk.error =
        error == Some(true) || member(data, &top, "object").is_some_and(|(_, raw)| raw == br#""error""#);
    Ok((top, chunk))
}

/// The data without its `"error": null`.
pub(crate) fn without_null_error(data: &Bytes) -> Bytes {
    let Ok(top) = json::members(data, ["error"]) else { return data.clone() };
    if member(data, &top, "error").is_none_or(|(_, raw)| raw != b"null") {
        return data.clone();
    }
    let mut splice = Splice::default();
    splice.reshape(&top, &["error"], &[]);
    splice.apply(data).into_bytes()
}

/// Reads one choice. Some upstreams omit its `index`; its position in the array is used instead.
fn choice(
    data: &[u8],
    place: &Span,
    at: u64,
    choices: &mut Choices,
    chunk: &mut Chunk,
) -> Result<(), ScanError> {
    if !slice(data, place).starts_with(b"{") {
        return Ok(());
    }
    let choice = json::last_members_in(data, place, CHOICE)?;
    let ends = member(data, &choice, "finish_reason").is_some_and(|(_, raw)| filled(raw));
    let mut has_content = member(data, &choice, "text").is_some_and(|(_, raw)| filled(raw));
    if let Some((place, _)) = member(data, &choice, "delta").filter(|(_, raw)| raw.starts_with(b"{")) {
        let delta = json::last_members_in(data, place, DELTA)?;
        has_content |=
            DELTA.iter().any(|name| member(data, &delta, name).is_some_and(|(_, raw)| filled(raw)));
    }
    choices.record(number(data, &choice, "index").unwrap_or(at), ends, has_content);
    chunk.has_content |= has_content;
    Ok(())
}

fn usage(data: &[u8], place: &Span) -> Result<Usage, ScanError> {
    let usage = json::last_members_in(data, place, USAGE)?;
    let count = |name| number(data, &usage, name);
    Ok(Usage {
        prompt_tokens: count("prompt_tokens"),
        completion_tokens: count("completion_tokens"),
        total_tokens: count("total_tokens"),
    })
}

/// The value of a member, if it is a whole number.
fn number<const N: usize>(data: &[u8], members: &Members<N>, name: &str) -> Option<u64> {
    std::str::from_utf8(member(data, members, name)?.1).ok()?.parse().ok()
}

/// The place and the text of a member's value.
fn member<'a, 'm, const N: usize>(
    data: &'a [u8],
    members: &'m Members<N>,
    name: &str,
) -> Option<(&'m Span, &'a [u8])> {
    let Member { value, .. } = members.get(name)?;
    Some((value, slice(data, value)))
}

fn slice<'a>(data: &'a [u8], place: &Span) -> &'a [u8] {
    data.get(place.clone()).unwrap_or_default()
}

/// Whether a value is something other than null or an empty string, array or object.
fn filled(raw: &[u8]) -> bool {
    match raw {
        b"null" | br#""""# => false,
        [b'[' | b'{', inside @ .., _] => !inside.trim_ascii().is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
