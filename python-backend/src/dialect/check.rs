//! Reads events as a strict client does: order, indexes, sequence numbers, and every text twice. For tests and
//! fuzzing.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use serde_json::{Value, json};

use crate::wire::dialect::Dialect;

/// The events of a text: each name, which is also the data's `type`, with the data.
pub(crate) fn events(text: &str) -> Vec<(String, Value)> {
    assert!(text.is_empty() || text.ends_with("\n\n"), "the last event is cut: {text:?}");
    let event = |block: &str| {
        let (name, data) = block.split_once("\ndata: ").unwrap_or_else(|| panic!("no data: {block:?}"));
        let name = name.strip_prefix("event: ").unwrap_or_else(|| panic!("no name: {block:?}"));
        let data: Value = serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data:?}"));
        assert_eq!(data["type"], name);
        (name.to_owned(), data)
    };
    text.split_terminator("\n\n").map(event).collect()
}

/// The whole response of a stream that ended well.
pub(crate) fn whole(dialect: Dialect, text: &str) -> Value {
    match dialect {
        Dialect::Messages => message(&events(text)),
        _ => response(&events(text)),
    }
}

fn response(events: &[(String, Value)]) -> Value {
    for (number, (_, data)) in events.iter().enumerate() {
        assert_eq!(data["sequence_number"], number, "{data}");
    }
    let [created, in_progress, rest @ .., last] = events else { panic!("too few events: {events:?}") };
    assert_eq!([&created.0, &in_progress.0], ["response.created", "response.in_progress"]);
    let status = last.1["response"]["status"].as_str().unwrap();
    assert_eq!(last.0, format!("response.{status}"));
    let mut rest = rest.iter().peekable();
    let mut items = Vec::new();
    while let Some((name, added)) = rest.next() {
        assert_eq!(
            (name.as_str(), &added["output_index"]),
            ("response.output_item.added", &json!(items.len()))
        );
        let id = &added["item"]["id"];
        let mut next = |wanted: &str| {
            let (name, data) = rest.next().expect(wanted);
            assert_eq!(name, wanted);
            assert_eq!((&data["output_index"], data.get("item_id").unwrap_or(id)), (&json!(items.len()), id));
            data.clone()
        };
        let (part, delta, done, member) = match added["item"]["type"].as_str().unwrap() {
            "reasoning" => ("reasoning_summary_part", "reasoning_summary_text", "text", "summary"),
            "function_call" => ("", "function_call_arguments", "arguments", ""),
            "custom_tool_call" => ("", "custom_tool_call_input", "input", ""),
            _ => ("content_part", "", "", "content"),
        };
        let mut begun = Value::Null;
        if !part.is_empty() {
            begun = next(&format!("response.{part}.added"))["part"].clone();
        }
        let (delta, done) = match begun["type"].as_str() {
            Some("output_text") => ("output_text", "text"),
            Some("refusal") => ("refusal", "refusal"),
            _ => (delta, done),
        };
        let mut text = String::new();
        let (delta, finished) = (format!("response.{delta}.delta"), format!("response.{delta}.done"));
        let done_event = loop {
            let (name, data) = rest.next().expect("more of an item");
            assert_eq!((&data["output_index"], &data["item_id"]), (&json!(items.len()), id));
            if *name != delta {
                assert_eq!(*name, finished);
                break data;
            }
            text += data["delta"].as_str().unwrap();
        };
        assert_eq!(done_event[done], text);
        let mut next = |wanted: &str| {
            let (name, data) = rest.next().expect(wanted);
            assert_eq!(name, wanted);
            assert_eq!((&data["output_index"], data.get("item_id").unwrap_or(id)), (&json!(items.len()), id));
            data
        };
        if !part.is_empty() {
            begun[done] = text.clone().into();
            assert_eq!(next(&format!("response.{part}.done"))["part"], begun);
        }
        let item = &next("response.output_item.done")["item"];
        assert_eq!(item["id"], *id);
        assert_eq!(*if member.is_empty() { &item[done] } else { &item[member][0][done] }, text);
        items.push(item.clone());
    }
    assert_eq!(last.1["response"]["output"], Value::Array(items));
    last.1["response"].clone()
}

fn message(events: &[(String, Value)]) -> Value {
    let mut rest = events.iter();
    let mut next = |wanted: &str| {
        let (name, data) = rest.next().expect(wanted);
        assert_eq!(name, wanted);
        data
    };
    let mut message = next("message_start")["message"].clone();
    assert_eq!((&message["content"], &message["stop_reason"]), (&json!([]), &Value::Null));
    assert!(message["usage"]["input_tokens"].is_u64());
    let mut content: Vec<Value> = Vec::new();
    loop {
        let (name, data) = rest.next().expect("the end of a message");
        if name == "message_delta" {
            message["stop_reason"] = data["delta"]["stop_reason"].clone();
            message["stop_sequence"] = data["delta"]["stop_sequence"].clone();
            message["usage"] = data["usage"].clone();
            break;
        }
        assert_eq!((name.as_str(), &data["index"]), ("content_block_start", &json!(content.len())));
        let mut block = data["content_block"].clone();
        let (mut text, mut signature) = (String::new(), String::new());
        let (delta, member) = match block["type"].as_str().unwrap() {
            "text" => ("text_delta", "text"),
            "thinking" => ("thinking_delta", "thinking"),
            "tool_use" => ("input_json_delta", "partial_json"),
            other => panic!("{other}"),
        };
        loop {
            let (name, data) = rest.next().expect("the end of a block");
            assert_eq!(data["index"], content.len());
            if name == "content_block_stop" {
                break;
            }
            assert_eq!(name, "content_block_delta");
            if data["delta"]["type"] == "signature_delta" {
                signature += data["delta"]["signature"].as_str().unwrap();
            } else {
                assert_eq!((data["delta"]["type"].as_str(), signature.as_str()), (Some(delta), ""));
                text += data["delta"][member].as_str().unwrap();
            }
        }
        match block["type"].as_str().unwrap() {
            "tool_use" => {
                block["input"] =
                    serde_json::from_str(&text).ok().filter(Value::is_object).unwrap_or(json!({}))
            }
            "thinking" => (block["thinking"], block["signature"]) = (text.into(), signature.into()),
            _ => block["text"] = text.into(),
        }
        content.push(block);
    }
    message["content"] = content.into();
    let (name, _) = rest.next().expect("message_stop");
    assert_eq!((name.as_str(), rest.next()), ("message_stop", None));
    message
}
