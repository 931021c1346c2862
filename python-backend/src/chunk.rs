//! One piece of a streamed answer (`chat.completion.chunk`, or the `text_completion` of completions) as far
//! as the gateway must know it, read from its text without a tree.

use bytes::Bytes;

use crate::choices::Choices;
use crate::json_scan::{self, Member, Members, ScanError, Span};
use crate::json_text::check_utf8;
use crate::splice::Splice;

/// Token counts as an upstream gives them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) prompt_tokens: Option<u64>,
    pub(crate) completion_tokens: Option<u64>,
    pub(crate) total_tokens: Option<u64>,
}

/// What a chunk says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// A choice carries something new: text, reasoning, a refusal, a tool call.
    pub(crate) has_content: bool,
    /// `usage`, where it is an object.
    pub(crate) usage: Option<Usage>,
    /// `choices` is there and empty. With `usage`, this is the chunk that `include_usage` asks for.
    pub(crate) choices_empty: bool,
    /// It is an error: `error` in any form, or vLLM's older `"object": "error"`.
    pub(crate) error: bool,
    /// `"error": null` is there. `@huggingface/inference` takes it for an error: [`without_null_error`].
    pub(crate) null_error: bool,
}

const TOP: [&str; 4] = ["choices", "usage", "error", "object"];
const CHOICE: [&str; 4] = ["finish_reason", "delta", "text", "index"];
const DELTA: [&str; 7] =
    ["content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "audio"];
const USAGE: [&str; 3] = ["prompt_tokens", "completion_tokens", "total_tokens"];

/// Whether an event's data is the end of the stream.
pub(crate) fn is_done(data: &[u8]) -> bool {
    data.trim_ascii() == b"[DONE]"
}

/// Reads one event's data, and notes which choices it is of and whether they end (`finish_reason`). An error
/// says that it is no JSON object.
pub(crate) fn inspect(data: &[u8], choices: &mut Choices) -> Result<Seen, ScanError> {
    let (top, mut seen) = read(data)?;
    if let Some((place, raw)) = member(data, &top, "choices").filter(|(_, raw)| raw.starts_with(b"[")) {
        seen.choices_empty = !filled(raw);
        let (mut failure, mut at) = (None, 0);
        json_scan::items_in(data, place, &mut |item| {
            failure = failure.take().or(choice(data, &item, at, choices, &mut seen).err());
            at += 1;
        })?;
        failure.map_or(Ok(()), Err)?;
    }
    Ok(seen)
}

/// The same but for the choices: as far as a whole answer is read.
pub(crate) fn inspect_whole(data: &[u8]) -> Result<Seen, ScanError> {
    read(data).map(|(_, seen)| seen)
}

fn read(data: &[u8]) -> Result<(Members<4>, Seen), ScanError> {
    check_utf8(data)?;
    let top = json_scan::last_members_in(data, &(0..data.len()), TOP)?;
    let mut seen = Seen::default();
    if let Some((place, _)) = member(data, &top, "usage").filter(|(_, raw)| raw.starts_with(b"{")) {
        seen.usage = Some(usage(data, place)?);
    }
    let error = member(data, &top, "error").map(|(_, raw)| raw != b"null");
    seen.null_error = error == Some(false);
    seen.error =
        error == Some(true) || member(data, &top, "object").is_some_and(|(_, raw)| raw == br#""error""#);
    Ok((top, seen))
}

/// The data with an `"error": null` taken out.
pub(crate) fn without_null_error(data: &Bytes) -> Bytes {
    let Ok(top) = json_scan::members(data, ["error"]) else { return data.clone() };
    if member(data, &top, "error").is_none_or(|(_, raw)| raw != b"null") {
        return data.clone();
    }
    let mut splice = Splice::default();
    splice.reshape(&top, &["error"], &[]);
    splice.apply(data).into_bytes()
}

/// One choice. Some upstreams leave out its `index`: it counts as the place where it stands.
fn choice(
    data: &[u8],
    place: &Span,
    at: u64,
    choices: &mut Choices,
    seen: &mut Seen,
) -> Result<(), ScanError> {
    if !slice(data, place).starts_with(b"{") {
        return Ok(());
    }
    let choice = json_scan::last_members_in(data, place, CHOICE)?;
    let ends = member(data, &choice, "finish_reason").is_some_and(|(_, raw)| filled(raw));
    choices.note(number(data, &choice, "index").unwrap_or(at), ends);
    seen.has_content |= member(data, &choice, "text").is_some_and(|(_, raw)| filled(raw));
    if let Some((place, _)) = member(data, &choice, "delta").filter(|(_, raw)| raw.starts_with(b"{")) {
        let delta = json_scan::last_members_in(data, place, DELTA)?;
        seen.has_content |=
            DELTA.iter().any(|name| member(data, &delta, name).is_some_and(|(_, raw)| filled(raw)));
    }
    Ok(())
}

fn usage(data: &[u8], place: &Span) -> Result<Usage, ScanError> {
    let usage = json_scan::last_members_in(data, place, USAGE)?;
    let count = |name| number(data, &usage, name);
    Ok(Usage {
        prompt_tokens: count("prompt_tokens"),
        completion_tokens: count("completion_tokens"),
        total_tokens: count("total_tokens"),
    })
}

/// A member that is a whole number.
fn number<const N: usize>(data: &[u8], members: &Members<N>, name: &str) -> Option<u64> {
    std::str::from_utf8(member(data, members, name)?.1).ok()?.parse().ok()
}

/// A member's value: its place and its text.
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

/// Whether a value is neither null nor an empty string, array or object.
fn filled(raw: &[u8]) -> bool {
    match raw {
        b"null" | br#""""# => false,
        [b'[' | b'{', inside @ .., _] => !inside.trim_ascii().is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
