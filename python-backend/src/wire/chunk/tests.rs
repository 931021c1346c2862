//! Chunks, compared with a reader that builds a tree.

use super::*;
use crate::json::samples;
use proptest::prelude::*;
use serde_json::{Value, json};

fn seen(chunk: &Value) -> Chunk {
    inspected(chunk.to_string().as_bytes()).unwrap()
}

fn inspected(data: &[u8]) -> Result<Chunk, ScanError> {
    inspect(data, &mut Choices::new(1))
}

fn delta(delta: &Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}], "usage": null})
}

#[test]
fn every_kind_of_content_counts_but_a_role_does_not() {
    for content in [
        json!({"role": "assistant", "content": "hi"}),
        json!({"content": null, "reasoning_content": "hm"}),
        json!({"reasoning": "hm"}),
        json!({"refusal": "no"}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}),
        json!({"function_call": {"name": "f"}}),
    ] {
        assert_eq!(seen(&delta(&content)), Chunk { has_content: true, ..Chunk::default() }, "{content}");
    }
    assert!(seen(&json!({"choices": [{"text": "hi"}]})).has_content);
    for nothing in [json!({"role": "assistant", "content": ""}), json!({}), json!({"tool_calls": []})] {
        assert_eq!(seen(&delta(&nothing)), Chunk::default(), "{nothing}");
    }
}

#[test]
fn the_end_and_the_usage_are_found() {
    let ended = |chunk: &str| {
        let mut choices = Choices::new(2);
        assert_eq!(inspect(chunk.as_bytes(), &mut choices).unwrap(), Chunk::default());
        choices.have_ended()
    };
    assert!(!ended(r#"{"choices":[{"delta":{},"finish_reason":null},{"finish_reason":"stop"}]}"#));
    assert!(ended(r#"{"choices":[{"finish_reason":"length"},{"finish_reason":"stop"}]}"#));
    assert!(!ended(r#"{"choices":[{"index":1,"finish_reason":"length"},{"finish_reason":"stop"}]}"#));
    let chunk = br#"{"choices":[ ],"usage":{"prompt_tokens":3,"completion_tokens":-1,"total_tokens":4.5}}"#;
    let chunk = inspected(chunk).unwrap();
    assert!(chunk.choices_empty);
    assert_eq!(chunk.usage, Some(Usage { prompt_tokens: Some(3), ..Usage::default() }));
    assert!(is_done(b"[DONE]") && is_done(b" [DONE] ") && !is_done(b"{}"));
}

#[test]
fn errors_of_every_form_are_found() {
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
fn only_a_null_error_is_removed() {
    let chunk = Bytes::from_static(br#"{"id":1, "error" : null,"choices":[{"error":null}]}"#);
    assert!(inspected(&chunk).unwrap().null_error);
    assert_eq!(without_null_error(&chunk), br#"{"id":1,"choices":[{"error":null}]}"#[..]);
    let chunk = Bytes::from_static(br#"{"error":"x"}"#);
    assert_eq!(without_null_error(&chunk), chunk);
}

#[test]
fn a_repeated_key_or_another_case_is_accepted() {
    let chunk = br#"{"choices":[],"Usage":null,"usage":{},"usage":{"prompt_tokens":1,"prompt_tokens":3}}"#;
    assert_eq!(inspected(chunk).unwrap().usage.unwrap().prompt_tokens, Some(3));
}

#[test]
fn data_that_is_not_a_json_object_is_an_error() {
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
    let content_of =
        |choice: &Value| full(&choice["text"]) || DELTA.iter().any(|name| full(&choice["delta"][*name]));
    let choices = chunk["choices"].as_array();
    let any = |test: &dyn Fn(&Value) -> bool| choices.is_some_and(|choices| choices.iter().any(test));
    let content = any(&content_of);
    let usage = chunk["usage"].as_object().map(|usage| {
        let count = |name: &str| usage.get(name).and_then(Value::as_u64);
        Usage {
            prompt_tokens: count("prompt_tokens"),
            completion_tokens: count("completion_tokens"),
            total_tokens: count("total_tokens"),
        }
    });
    let mut ends: Vec<(u64, bool)> = Vec::new();
    for (at, choice) in choices.into_iter().flatten().enumerate().filter(|(_, choice)| choice.is_object()) {
        let index = choice["index"].as_u64().unwrap_or(at as u64);
        match ends.iter_mut().find(|(known, _)| *known == index) {
            Some((_, ended)) => *ended = full(&choice["finish_reason"]) || (*ended && !content_of(choice)),
            None => ends.push((index, full(&choice["finish_reason"]))),
        }
    }
    (ends, content, !full(&chunk["choices"]), usage)
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
    fn a_chunk_matches_its_tree(
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
    fn any_data_is_read_or_rejected(data in samples::mutated(samples::json()), rest in samples::json()) {
        _ = inspected(&data);
        _ = inspected(format!("{{\"choices\":{rest},\"usage\":{rest},\"error\":{rest}}}").as_bytes());
        let chunk = format!("{{\"a\":{rest},\"error\":null }}");
        let valid = serde_json::from_str::<Value>(&rest).is_ok();
        let expected = if valid { format!("{{\"a\":{rest} }}") } else { chunk.clone() };
        prop_assert_eq!(without_null_error(&chunk.into()), expected);
    }
}
