//! Answers in every form that upstreams send them.

use super::*;

/// One part of an answer.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    Reasoning(String),
    Text(String),
    Call(String, String),
}

fn said() -> impl Strategy<Value = Vec<Said>> {
    let text = "[a-zé日\"\\\\\n🎉 ]{1,12}";
    let arguments = prop_oneof![
        "[a-z\"\\\\ é]{0,30}".prop_map(|text| json!({"a": text, "b": {}}).to_string()),
        Just("{}".to_owned())
    ];
    let (reasoning, texts) =
        (prop::option::of(text.prop_map(Said::Reasoning)), prop::option::of(text.prop_map(Said::Text)));
    let calls = prop::collection::vec(
        ("[a-z_]{1,9}", arguments).prop_map(|(name, arguments)| Said::Call(name, arguments)),
        0..4,
    );
    (reasoning, texts, calls).prop_map(|(a, b, calls)| a.into_iter().chain(b).chain(calls).collect())
}

/// How an upstream sends calls.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Habit {
    /// As OpenAI does.
    Usual,
    /// Each call whole, in one chunk.
    Whole,
    /// Without ids.
    NoIds,
    /// With id and name in each piece.
    Repeats,
    /// All with the same index.
    SameIndex,
    /// The pieces of all calls in turn.
    Interleaved,
    /// The arguments as an object.
    Objects,
}

fn habit() -> impl Strategy<Value = Habit> {
    use Habit::{Interleaved, NoIds, Objects, Repeats, SameIndex, Usual, Whole};
    prop::sample::select(&[Usual, Whole, NoIds, Repeats, SameIndex, Interleaved, Objects][..])
}

/// A text in pieces of this many characters.
fn pieces(text: &str, size: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(size).map(|piece| piece.iter().collect()).collect()
}

fn chunks(parts: &[Said], habit: Habit, size: usize, reasoning: &str) -> Vec<Value> {
    let mut chunks = Vec::new();
    let mut calls: Vec<Vec<Value>> = Vec::new();
    for part in parts {
        match part {
            Said::Reasoning(text) => {
                chunks.extend(pieces(text, size).iter().map(|piece| chunk(json!({reasoning: piece}))));
            }
            Said::Text(text) => {
                chunks.extend(pieces(text, size).iter().map(|piece| chunk(json!({"content": piece}))));
            }
            Said::Call(name, arguments) => {
                let at = calls.len();
                let index = if habit == Habit::SameIndex { 0 } else { at };
                let head = match habit {
                    Habit::NoIds => json!({"index": index, "function": {"name": name}}),
                    _ => json!({"index": index, "id": format!("call_{at}"), "function": {"name": name}}),
                };
                let with = |head: &Value, arguments: Value| {
                    let mut call = head.clone();
                    call["function"]["arguments"] = arguments;
                    chunk(json!({"tool_calls": [call]}))
                };
                calls.push(match habit {
                    Habit::Whole => vec![with(&head, json!(arguments))],
                    Habit::Objects => vec![with(&head, serde_json::from_str(arguments).unwrap())],
                    Habit::Repeats => {
                        pieces(arguments, size).into_iter().map(|piece| with(&head, json!(piece))).collect()
                    }
                    _ => {
                        let rest = json!({"index": index, "function": {}});
                        let rest = pieces(arguments, size).into_iter().map(|piece| with(&rest, json!(piece)));
                        [with(&head, json!(""))].into_iter().chain(rest).collect()
                    }
                });
            }
        }
    }
    if habit == Habit::Interleaved {
        let longest = calls.iter().map(Vec::len).max().unwrap_or(0);
        chunks.extend((0..longest).flat_map(|at| calls.iter().filter_map(move |call| call.get(at).cloned())));
    } else {
        chunks.extend(calls.concat());
    }
    chunks
}

/// The parts of a whole response.
fn parts_of(dialect: Dialect, whole: &Value) -> Vec<Said> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = whole[if dialect == Dialect::Messages { "content" } else { "output" }].as_array().unwrap();
    let part = |part: &Value| match part["type"].as_str().unwrap() {
        "reasoning" => Said::Reasoning(text(&part["summary"][0]["text"])),
        "thinking" => Said::Reasoning(text(&part["thinking"])),
        "message" => Said::Text(text(&part["content"][0]["text"])),
        "text" => Said::Text(text(&part["text"])),
        "function_call" => {
            let arguments: Value = serde_json::from_str(part["arguments"].as_str().unwrap()).unwrap();
            Said::Call(text(&part["name"]), arguments.to_string())
        }
        "tool_use" => Said::Call(text(&part["name"]), part["input"].to_string()),
        other => panic!("{other}"),
    };
    list.iter().map(part).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_split_and_order_of_deltas_gives_the_same_answer(
        parts in said(), habit in habit(), size in 1_usize..9,
        reasoning in prop::sample::select(&["reasoning_content", "reasoning"][..]),
    ) {
        for dialect in BOTH {
            let mut chunks = chunks(&parts, habit, size, reasoning);
            chunks.extend(end("stop"));
            let events = stream(translator(dialect, &json!({})), &chunks).unwrap();
            let streamed = check::whole(dialect, &events);
            prop_assert_eq!(&parts_of(dialect, &streamed), &parts);
            let message = message(&parts, reasoning);
            let reply = json!({"choices": [{"message": message, "finish_reason": "stop"}], "usage": end("")[1]["usage"]});
            let mut whole = translator(dialect, &json!({})).whole(reply.to_string().as_bytes()).unwrap();
            let whole: Value = serde_json::from_str(&text(&mut whole)).unwrap();
            prop_assert_eq!(&parts_of(dialect, &whole), &parts);
            prop_assert_eq!(&whole["usage"], &streamed["usage"]);
            prop_assert_eq!(&whole["stop_reason"], &streamed["stop_reason"]);
        }
    }
}

/// The message of a whole response.
fn message(parts: &[Said], reasoning: &str) -> Value {
    let mut message = json!({"role": "assistant", "content": null, "tool_calls": []});
    for part in parts {
        match part {
            Said::Reasoning(text) => message[reasoning] = text.as_str().into(),
            Said::Text(text) => message["content"] = text.as_str().into(),
            Said::Call(name, arguments) => {
                let calls = message["tool_calls"].as_array_mut().unwrap();
                let id = format!("call_{}", calls.len());
                calls.push(
                    json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}),
                );
            }
        }
    }
    message
}

#[test]
fn the_reason_and_the_tokens_are_translated() {
    for (reason, status, stop) in [
        ("stop", "completed", "end_turn"),
        ("length", "incomplete", "max_tokens"),
        ("content_filter", "incomplete", "refusal"),
    ] {
        let chunks: Vec<Value> = [chunk(json!({"content": "hi"}))].into_iter().chain(end(reason)).collect();
        let events = stream(translator(Dialect::Responses, &json!({})), &chunks).unwrap();
        let response = check::whole(Dialect::Responses, &events);
        assert_eq!((&response["status"], &response["output"][0]["status"]), (&json!(status), &json!(status)));
        let usage = json!({"input_tokens": 11, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 3}, "total_tokens": 18});
        assert_eq!(response["usage"], usage);
        let events = stream(translator(Dialect::Messages, &json!({})), &chunks).unwrap();
        let message = check::whole(Dialect::Messages, &events);
        assert_eq!((&message["stop_reason"], &message["usage"]["input_tokens"]), (&json!(stop), &json!(7)));
        assert_eq!(message["usage"]["cache_read_input_tokens"], 4);
    }
    let mut last = end("stop");
    last[0]["choices"][0]["stop_reason"] = json!("END");
    let events = stream(translator(Dialect::Messages, &json!({})), &last).unwrap();
    let message = check::whole(Dialect::Messages, &events);
    assert_eq!(
        (&message["stop_reason"], &message["stop_sequence"]),
        (&json!("stop_sequence"), &json!("END"))
    );
}

#[test]
fn a_refusal_is_a_part_of_its_own() {
    let chunks: Vec<Value> = [chunk(json!({"refusal": "I w"})), chunk(json!({"refusal": "on't"}))].into();
    let events = stream(translator(Dialect::Responses, &json!({})), &chunks).unwrap();
    let response = check::whole(Dialect::Responses, &events);
    assert_eq!(response["output"][0]["content"], json!([{"type": "refusal", "refusal": "I won't"}]));
}

#[test]
fn a_call_of_a_free_form_tool_has_its_text_and_an_empty_call_an_empty_object() {
    let tools =
        json!({"tools": [{"type": "custom", "name": "apply_patch"}, {"type": "function", "name": "now"}]});
    let call = |at: u64, name: &str, arguments: &str| {
        chunk(
            json!({"tool_calls": [{"index": at, "id": format!("c{at}"), "function": {"name": name, "arguments": arguments}}]}),
        )
    };
    let chunks = [
        call(0, "apply_patch", "{\"input\":"),
        call(0, "", "\"*** Begin\\n\\\"x\\\"\"}"),
        call(1, "now", ""),
    ];
    let events = stream(translator(Dialect::Responses, &tools), &chunks).unwrap();
    let output = &check::whole(Dialect::Responses, &events)["output"];
    assert_eq!(
        (&output[0]["type"], &output[0]["input"]),
        (&json!("custom_tool_call"), &json!("*** Begin\n\"x\""))
    );
    assert_eq!((&output[0]["call_id"], &output[1]["arguments"]), (&json!("c0"), &json!("{}")));
    assert_eq!(events.matches("response.custom_tool_call_input.delta").count(), 2);
}

#[test]
fn a_long_text_is_sent_once_and_shared() {
    let long = "x".repeat(100_000);
    let chunks: Vec<Value> = [chunk(json!({"content": long}))].into_iter().chain(end("stop")).collect();
    let (mut translator, mut out) = (translator(Dialect::Responses, &json!({})), Output::default());
    for chunk in &chunks {
        translator.chunk(chunk.to_string().as_bytes(), &mut out).unwrap();
    }
    out.take();
    translator.finish(&mut out).unwrap();
    let pieces = out.take();
    let shared: Vec<&Bytes> = pieces.iter().filter(|piece| piece.len() >= long.len()).collect();
    assert_eq!(shared.len(), 4);
    assert!(shared.iter().all(|piece| piece.as_ptr() == shared[0].as_ptr()));
}

#[test]
fn an_answer_that_is_too_long_or_calls_nothing_fails() {
    for dialect in BOTH {
        let mut long = translator(dialect, &json!({}));
        let chunk_of = chunk(json!({"content": "x".repeat(600_000)})).to_string();
        let mut out = Output::default();
        long.chunk(chunk_of.as_bytes(), &mut out).unwrap();
        assert!(long.chunk(chunk_of.as_bytes(), &mut out).unwrap_err().message.contains("ANSWER_LIMIT"));
        let nameless = chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}));
        assert!(stream(translator(dialect, &json!({})), &[nameless]).is_err());
        assert!(translator(dialect, &json!({})).whole(b"{\"choices\":[]}").is_err());
    }
}
