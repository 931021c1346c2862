//! Requests as chat requests.

use super::*;
use crate::dialect::without_own_reasoning;
use crate::json::samples;

#[test]
fn a_response_request_becomes_a_chat_request() {
    let request = json!({
        "model": "org/m", "stream": true, "store": false, "instructions": "Be brief.", "temperature": 0.5,
        "max_output_tokens": 99, "reasoning": {"effort": "xhigh", "summary": "auto"}, "parallel_tool_calls": true,
        "text": {"format": {"type": "json_schema", "name": "out", "schema": {"type": "object"}, "strict": true}},
        "tool_choice": {"type": "function", "name": "read", "namespace": "mcp__files"}, "unknown": {"a": 1},
        "tools": [
            {"type": "function", "name": "shell", "description": "Runs", "strict": false, "parameters": {"type": "object"}},
            {"type": "namespace", "name": "mcp__files", "tools": [{"type": "function", "name": "read", "parameters": {}}]},
            {"type": "custom", "name": "patch", "description": "Patches", "format": {"type": "grammar", "definition": "start: \"x\""}},
            {"type": "web_search"},
        ],
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Dev \"rules\""}]},
            {"role": "user", "content": [{"type": "input_text", "text": "look"},
                                         {"type": "input_image", "image_url": "data:image/png;base64,AA", "detail": "low"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "foreign"}], "encrypted_content": "gAAA"},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "own"}], "content": null,
             "encrypted_content": "python-backend/reasoning_content"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I look."}]},
            {"type": "function_call", "call_id": "a", "name": "read", "namespace": "mcp__files", "arguments": "{\"x\":\"1\"}"},
            {"type": "custom_tool_call", "call_id": "b", "name": "patch", "input": "*** \"x\"\n"},
            {"type": "custom_tool_call_output", "call_id": "b", "output": "done"},
            {"type": "function_call_output", "call_id": "a", "output": [{"type": "input_text", "text": "one"},
                {"type": "input_image", "image_url": "https://x/i.png"}]},
            {"type": "web_search_call", "id": "ws"},
            {"type": "function_call", "call_id": "c", "name": "shell", "arguments": "{}"},
        ],
    });
    let (chat, dropped) = chat(Dialect::Responses, &request).unwrap();
    assert_eq!(dropped, ["web_search"]);
    let text = |description: &str| {
        json!({"type": "function", "function": {"name": "patch", "description": description, "parameters": {
            "type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"], "additionalProperties": false}}})
    };
    let call = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    let expected = json!({
        "model": "org/m", "stream": true, "stream_options": {"include_usage": true}, "temperature": 0.5,
        "max_tokens": 99, "reasoning_effort": "high", "parallel_tool_calls": true,
        "response_format": {"type": "json_schema", "json_schema": {"name": "out", "schema": {"type": "object"}, "strict": true}},
        "tool_choice": {"type": "function", "function": {"name": "mcp__files__read"}},
        "tools": [
            {"type": "function", "function": {"name": "shell", "description": "Runs", "parameters": {"type": "object"}, "strict": false}},
            {"type": "function", "function": {"name": "mcp__files__read", "description": "", "parameters": {}}},
            text("Patches\n\nThe input must match this grammar:\nstart: \"x\""),
        ],
        "messages": [
            {"role": "system", "content": "Be brief.\n\nDev \"rules\""},
            {"role": "user", "content": [{"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}}]},
            {"role": "assistant", "content": "I look.", "reasoning_content": "own", "tool_calls": [
                call("a", "mcp__files__read", "{\"x\":\"1\"}"), call("b", "patch", "{\"input\":\"*** \\\"x\\\"\\n\"}")]},
            {"role": "tool", "content": "one", "tool_call_id": "a"},
            {"role": "tool", "content": "done", "tool_call_id": "b"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/i.png"}}]},
            {"role": "assistant", "content": null, "tool_calls": [call("c", "shell", "{}")]},
            {"role": "tool", "content": "(no result)", "tool_call_id": "c"},
        ],
    });
    assert_eq!(chat, expected);
}

#[test]
fn a_message_request_becomes_a_chat_request() {
    let request = json!({
        "model": "org/m", "max_tokens": 64, "top_k": 3, "stop_sequences": ["a", "b", "c", "d", "e"],
        "system": [{"type": "text", "text": "You are", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "brief."}],
        "thinking": {"type": "enabled", "budget_tokens": 5000}, "metadata": {"user_id": "u"},
        "output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}},
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "tools": [{"name": "Bash", "description": "Runs", "input_schema": {"type": "object"}, "defer_loading": true},
                  {"type": "web_search_20250305", "name": "web_search"}],
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "system", "content": "Also this."},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "foreign", "signature": "Eq"},
                {"type": "thinking", "thinking": "own", "signature": "python-backend/reasoning"},
                {"type": "redacted_thinking", "data": "x"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "a", "name": "Bash", "input": {"command": "l\"s"}},
                {"type": "tool_use", "id": "b", "name": "Bash", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "b", "content": "no", "is_error": true},
                {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "one"},
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}]},
                {"type": "text", "text": "go on"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "gone", "content": "old"}]},
            {"role": "system", "content": "And this."},
        ],
    });
    let (chat, dropped) = chat(Dialect::Messages, &request).unwrap();
    assert_eq!(dropped, ["web_search_20250305"]);
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "Bash", "arguments": arguments}});
    let expected = json!({
        "model": "org/m", "stream": false, "max_tokens": 64, "stop": ["a", "b", "c", "d"], "reasoning_effort": "medium",
        "response_format": {"type": "json_schema", "json_schema": {"name": "output", "schema": {"type": "object"}}},
        "tool_choice": "required", "parallel_tool_calls": false,
        "tools": [{"type": "function", "function": {"name": "Bash", "description": "Runs", "parameters": {"type": "object"}}}],
        "messages": [
            {"role": "system", "content": "You are\nbrief.\n\nAlso this."},
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "I look.", "reasoning": "own",
             "tool_calls": [call("a", "{\"command\":\"l\\\"s\"}"), call("b", "{}")]},
            {"role": "tool", "content": "one", "tool_call_id": "a"},
            {"role": "tool", "content": "Error:\nno", "tool_call_id": "b"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]},
            {"role": "user", "content": "go on"},
            {"role": "user", "content": "old"},
            {"role": "user", "content": "And this."},
        ],
    });
    assert_eq!(chat, expected);
}

#[test]
fn what_is_stored_elsewhere_is_rejected_with_the_reason() {
    let file = json!([{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]);
    let document = json!([{"role": "user", "content": [{"type": "document", "source": {"type": "file", "file_id": "f"}}]}]);
    for (dialect, request, param) in [
        (Dialect::Responses, json!({"input": "hi", "previous_response_id": "r"}), "previous_response_id"),
        (Dialect::Responses, json!({"input": "hi", "conversation": "c"}), "conversation"),
        (Dialect::Responses, json!({"input": "hi", "store": true}), "store"),
        (Dialect::Responses, json!({"input": "hi", "background": true}), "background"),
        (Dialect::Responses, json!({"input": [{"type": "item_reference", "id": "i"}]}), "input"),
        (Dialect::Responses, json!({"input": file}), "input"),
        (Dialect::Messages, json!({"messages": document}), "messages"),
        (Dialect::Messages, json!({"messages": [], "container": "c"}), "container"),
    ] {
        let error = chat(dialect, &request).unwrap_err();
        assert_eq!((error.status.as_u16(), error.param.as_deref()), (400, Some(param)), "{request}");
        assert!(error.message.contains("not stored here"), "{}", error.message);
    }
    for (dialect, request) in
        [(Dialect::Responses, json!({})), (Dialect::Messages, json!({"messages": "hi"}))]
    {
        assert_eq!(chat(dialect, &request).unwrap_err().code, "invalid_value");
    }
}

#[test]
fn reasoning_of_an_earlier_turn_stays_here() {
    let own = json!({"type": "reasoning", "summary": [{"type": "summary_text", "text": "own"}],
                     "encrypted_content": "python-backend/reasoning"});
    let answer = json!({"role": "assistant", "content": "a"});
    let user = json!({"role": "user", "content": "b"});
    let request = json!({"input": [user, own, answer, user]});
    assert_eq!(chat(Dialect::Responses, &request).unwrap().0["messages"], json!([user, answer, user]));
}

#[test]
fn reasoning_that_the_gateway_wrote_does_not_reach_another_api() {
    let without = |dialect, body: &Value| {
        serde_json::from_slice::<Value>(&without_own_reasoning(dialect, Bytes::from(body.to_string())))
            .unwrap()
    };
    let foreign = json!({"type": "reasoning", "encrypted_content": "gAAA"});
    let own = json!({"type": "reasoning", "encrypted_content": "python-backend/reasoning"});
    let user = json!({"role": "user", "content": "python-backend/"});
    let request = json!({"input": [own, user, own, foreign], "model": "m"});
    assert_eq!(without(Dialect::Responses, &request), json!({"input": [user, foreign], "model": "m"}));
    let thinking = |signature: &str| json!({"type": "thinking", "thinking": "t", "signature": signature});
    let (own, foreign) = (thinking("python-backend/reasoning"), thinking("Eq"));
    let text = json!({"type": "text", "text": "x"});
    let said = |blocks: Value| json!({"role": "assistant", "content": blocks});
    let request = json!({"messages": [user, said(json!([own, foreign, text])), said(json!([own])), said(json!([text]))]});
    let expected = json!({"messages": [user, said(json!([foreign, text])), said(json!([text]))]});
    assert_eq!(without(Dialect::Messages, &request), expected);
    let untouched = Bytes::from_static(b"{\"input\": [ 1 ] }");
    assert_eq!(without_own_reasoning(Dialect::Responses, untouched.clone()).as_ptr(), untouched.as_ptr());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn any_request_becomes_json_or_an_error(any in samples::valid_json(), other in samples::valid_json()) {
        for (dialect, name, parts) in [(Dialect::Responses, "input", "output"), (Dialect::Messages, "messages", "content")] {
            let request = format!(
                r#"{{"model":"m","{name}":[{any},{{"type":"function_call_output","{parts}":{other}}},{{"role":"user","content":[{any}]}}],"tools":[{other},{{"type":"function","name":{any}}}],"tool_choice":{any}}}"#
            );
            let translation = translation(dialect, request, true);
            if let Ok(form) = translation.chat() {
                prop_assert!(serde_json::from_slice::<Value>(&form.body).is_ok(), "{:?}", form.body);
            }
        }
    }
}
