//! Whole sequences of events, byte by byte.

use super::*;

/// Reasoning, text, and two calls, one of them of a tool in a namespace.
fn chunks() -> Vec<Value> {
    let call = |index: u64, id: &str, name: &str, arguments: &str| {
        let function = json!({"name": name, "arguments": arguments});
        chunk(json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]}))
    };
    let more = |index: u64, arguments: &str| {
        chunk(json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}))
    };
    let mut chunks = vec![
        chunk(json!({"role": "assistant", "content": ""})),
        chunk(json!({"reasoning_content": "First "})),
        chunk(json!({"reasoning_content": "think."})),
        chunk(json!({"content": "I l\"ook"})),
        chunk(json!({"content": ".\n"})),
        call(0, "call_a", "shell", ""),
        more(0, "{\"command\":"),
        more(0, "\"ls\"}"),
        call(1, "call_b", "mcp__files__read", "{}"),
    ];
    chunks.extend(end("tool_calls"));
    chunks
}

#[test]
fn the_events_of_a_response_are_exactly_these() {
    let tools = json!({"tools": [
        {"type": "function", "name": "shell", "parameters": {}},
        {"type": "namespace", "name": "mcp__files", "tools": [{"type": "function", "name": "read"}]},
    ]});
    let events = stream(translator(Dialect::Responses, &tools), &chunks()).unwrap();
    check::whole(Dialect::Responses, &events);
    assert_eq!(events, include_str!("../../../tests/golden/responses.txt"), "{events}");
}

#[test]
fn the_events_of_a_message_are_exactly_these() {
    let events = stream(translator(Dialect::Messages, &json!({})), &chunks()).unwrap();
    check::whole(Dialect::Messages, &events);
    assert_eq!(events, include_str!("../../../tests/golden/messages.txt"), "{events}");
}

#[test]
fn a_failure_is_the_last_event_of_a_stream() {
    for dialect in BOTH {
        let (mut translator, mut out) = (translator(dialect, &json!({})), Output::default());
        let first = chunk(json!({"content": "h"})).to_string();
        translator.chunk(first.as_bytes(), &mut out).unwrap();
        translator.chunk(first.as_bytes(), &mut out).unwrap();
        translator.fail(&crate::errors::upstream::bad_gateway("it broke off"), &mut out);
        let mut events = check::events(&text(&mut out));
        let (name, data) = events.pop().unwrap();
        if dialect == Dialect::Messages {
            let error = json!({"type": "api_error", "message": "it broke off"});
            assert_eq!((name.as_str(), data), ("error", json!({"type": "error", "error": error})));
            continue;
        }
        assert_eq!((name.as_str(), &data["sequence_number"]), ("response.failed", &json!(events.len())));
        let error = json!({"code": "server_error", "message": "it broke off"});
        assert_eq!((&data["response"]["status"], &data["response"]["error"]), (&json!("failed"), &error));
    }
}
