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
mod tests {
    use super::*;
    use crate::choices::Choices;
    use crate::json_scan::samples;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn seen(chunk: &Value) -> Seen {
        inspected(chunk.to_string().as_bytes()).unwrap()
    }

    fn inspected(data: &[u8]) -> Result<Seen, ScanError> {
        inspect(data, &mut Choices::new(1))
    }

    fn delta(delta: &Value) -> Value {
        json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}], "usage": null})
    }

    #[test]
    fn content_of_every_kind_counts_and_a_role_alone_does_not() {
        for content in [
            json!({"role": "assistant", "content": "hi"}),
            json!({"content": null, "reasoning_content": "hm"}),
            json!({"reasoning": "hm"}),
            json!({"refusal": "no"}),
            json!({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}),
            json!({"function_call": {"name": "f"}}),
        ] {
            assert_eq!(seen(&delta(&content)), Seen { has_content: true, ..Seen::default() }, "{content}");
        }
        assert!(seen(&json!({"choices": [{"text": "hi"}]})).has_content);
        for nothing in [json!({"role": "assistant", "content": ""}), json!({}), json!({"tool_calls": []})] {
            assert_eq!(seen(&delta(&nothing)), Seen::default(), "{nothing}");
        }
    }

    #[test]
    fn the_end_and_the_usage_are_seen() {
        let over = |chunk: &str| {
            let mut choices = Choices::new(2);
            assert_eq!(inspect(chunk.as_bytes(), &mut choices).unwrap(), Seen::default());
            choices.are_over()
        };
        assert!(!over(r#"{"choices":[{"delta":{},"finish_reason":null},{"finish_reason":"stop"}]}"#));
        assert!(over(r#"{"choices":[{"finish_reason":"length"},{"finish_reason":"stop"}]}"#));
        assert!(!over(r#"{"choices":[{"index":1,"finish_reason":"length"},{"finish_reason":"stop"}]}"#));
        let chunk =
            br#"{"choices":[ ],"usage":{"prompt_tokens":3,"completion_tokens":-1,"total_tokens":4.5}}"#;
        let chunk = inspected(chunk).unwrap();
        assert!(chunk.choices_empty);
        assert_eq!(chunk.usage, Some(Usage { prompt_tokens: Some(3), ..Usage::default() }));
        assert!(is_done(b"[DONE]") && is_done(b" [DONE] ") && !is_done(b"{}"));
    }

    #[test]
    fn errors_of_every_form_are_seen() {
        for chunk in [
            json!({"error": "text"}),
            json!({"error": {"message": "text", "code": 500}}),
            json!({"object": "error", "message": "text", "code": 400}),
        ] {
            assert!(seen(&chunk).error, "{chunk}");
        }
        assert!(!seen(&json!({"error": null, "object": "chat.completion"})).error);
    }

    #[test]
    fn a_null_error_is_taken_out_and_nothing_else() {
        let chunk = Bytes::from_static(br#"{"id":1, "error" : null,"choices":[{"error":null}]}"#);
        assert!(inspected(&chunk).unwrap().null_error);
        assert_eq!(without_null_error(&chunk), br#"{"id":1,"choices":[{"error":null}]}"#[..]);
        let chunk = Bytes::from_static(br#"{"error":"x"}"#);
        assert_eq!(without_null_error(&chunk), chunk);
    }

    #[test]
    fn a_key_twice_or_in_other_letters_is_no_fault() {
        let chunk =
            br#"{"choices":[],"Usage":null,"usage":{},"usage":{"prompt_tokens":1,"prompt_tokens":3}}"#;
        assert_eq!(inspected(chunk).unwrap().usage.unwrap().prompt_tokens, Some(3));
    }

    #[test]
    fn what_is_no_json_object_is_told() {
        for data in [&b"hello"[..], b"{\"choices\":[", b"[DONE]", b"3", b"{\"a\":\"\xC3\"}"] {
            assert!(inspected(data).is_err(), "{}", String::from_utf8_lossy(data));
        }
    }

    /// The same, read from a tree.
    fn by_tree(chunk: &Value) -> (Vec<(u64, bool)>, bool, bool, Option<Usage>) {
        let full = |value: &Value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(list) => !list.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            _ => true,
        };
        let choices = chunk["choices"].as_array();
        let any = |test: &dyn Fn(&Value) -> bool| choices.is_some_and(|choices| choices.iter().any(test));
        let content =
            any(&|choice| full(&choice["text"]) || DELTA.iter().any(|name| full(&choice["delta"][*name])));
        let usage = chunk["usage"].as_object().map(|usage| {
            let count = |name: &str| usage.get(name).and_then(Value::as_u64);
            Usage {
                prompt_tokens: count("prompt_tokens"),
                completion_tokens: count("completion_tokens"),
                total_tokens: count("total_tokens"),
            }
        });
        let mut ends: Vec<(u64, bool)> = Vec::new();
        for (at, choice) in choices.into_iter().flatten().enumerate().filter(|(_, choice)| choice.is_object())
        {
            let index = choice["index"].as_u64().unwrap_or(at as u64);
            match ends.iter_mut().find(|(known, _)| *known == index) {
                Some((_, ended)) => *ended |= full(&choice["finish_reason"]),
                None => ends.push((index, full(&choice["finish_reason"]))),
            }
        }
        (ends, content, choices.is_some_and(Vec::is_empty), usage)
    }

    fn value() -> impl Strategy<Value = Value> {
        let values = [
            json!(null),
            json!(""),
            json!("x\n"),
            json!(0),
            json!(7),
            json!([]),
            json!({}),
            json!([{}]),
            json!(true),
        ];
        prop::sample::select(values.to_vec())
    }

    fn object(
        names: &'static [&'static str],
        value: impl Strategy<Value = Value>,
    ) -> impl Strategy<Value = Value> {
        prop::collection::vec((prop::sample::select(names), value), 0..4)
            .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn a_chunk_says_what_its_tree_says(
            choices in prop_oneof![
                prop::collection::vec(prop_oneof![
                    value(),
                    object(&CHOICE, prop_oneof![value(), object(&DELTA, value())]),
                ], 0..3).prop_map(Value::Array),
                value(),
            ],
            usage in prop_oneof![value(), object(&USAGE, value())],
            pretty: bool,
        ) {
            let chunk = json!({"id": "x", "choices": choices, "usage": usage});
            let text = if pretty { serde_json::to_string_pretty(&chunk).unwrap() } else { chunk.to_string() };
            let mut choices = Choices::new(0);
            let seen = inspect(text.as_bytes(), &mut choices).unwrap();
            prop_assert_eq!((choices.seen, seen.has_content, seen.choices_empty, seen.usage), by_tree(&chunk));
        }

        #[test]
        fn any_data_is_read_or_refused(data in samples::mutated(samples::json()), rest in samples::json()) {
            _ = inspected(&data);
            _ = inspected(format!("{{\"choices\":{rest},\"usage\":{rest},\"error\":{rest}}}").as_bytes());
            let chunk = format!("{{\"a\":{rest},\"error\":null }}");
            let valid = serde_json::from_str::<Value>(&rest).is_ok();
            let expected = if valid { format!("{{\"a\":{rest} }}") } else { chunk.clone() };
            prop_assert_eq!(without_null_error(&chunk.into()), expected);
        }
    }
}
