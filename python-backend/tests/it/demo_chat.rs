//! The demo model, and errors of the service without an upstream.

use serde_json::json;

use crate::{chat, start};

#[test]
fn the_same_message_gets_the_same_answer() {
    let service = start(&[]);
    let body = json!({"model": "demo", "messages": [{"role": "user", "content": "Good morning"}]});
    let (first, second) = (chat(&service, &body), chat(&service, &body));
    assert_eq!(first.status, 200);
    let text = first.json()["choices"][0]["message"]["content"].clone();
    assert!(text.as_str().unwrap().ends_with("You said: Good morning"), "{text}");
    assert_eq!(text, second.json()["choices"][0]["message"]["content"]);
    assert_ne!(first.json()["id"], second.json()["id"]);
    let usage = &first.json()["usage"];
    assert_eq!(usage["prompt_tokens"], 2);
    assert_eq!(
        usage["total_tokens"].as_u64(),
        Some(2 + usage["completion_tokens"].as_u64().unwrap()),
        "{usage}"
    );
}

#[test]
fn models_are_listed_and_found_by_name() {
    let service = start(&[]);
    let list = service.get("/v1/models").json();
    assert_eq!(list["data"][0]["id"], "demo");
    assert_eq!(service.get("/v1/models/demo").json(), list["data"][0]);
    let unknown = service.get("/v1/models/gpt-9");
    assert_eq!((unknown.status, unknown.json()["error"]["code"].as_str()), (404, Some("model_not_found")));
}

#[test]
fn every_error_has_openais_form() {
    let service = start(&[("MAX_BODY_BYTES", "100")]);
    let user = json!([{"role": "user", "content": "hi"}]);
    let wrong_model = json!({"model": "gpt-9", "messages": user});
    let long = "x".repeat(101);
    for (reply, status, code) in [
        (chat(&service, &json!({"messages": user})), 400, "invalid_value"),
        (chat(&service, &wrong_model), 404, "model_not_found"),
        (service.request("POST", "/v1/chat/completions", &[], "{"), 400, "invalid_json"),
        (service.request("POST", "/v1/chat/completions", &[], &long), 413, "request_too_large"),
        (service.get("/v1/chat/completions"), 405, "method_not_allowed"),
        (service.get("/v1/nothing"), 404, "unknown_url"),
        (service.get("/v1/models\r\nx y: z"), 400, "bad_request"),
    ] {
        let body = reply.json();
        assert_eq!((reply.status, body["error"]["code"].as_str()), (status, Some(code)), "{body}");
        let fields: Vec<&String> = body["error"].as_object().unwrap().keys().collect();
        assert_eq!(fields, ["code", "message", "param", "type"]);
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.header("x-error-message"), body["error"]["message"].as_str().unwrap());
        assert!(!reply.header("x-request-id").is_empty());
    }
}

#[test]
fn a_demanded_tool_call_is_made_whole_and_as_a_stream() {
    let service = start(&[]);
    let tools = json!([{"type": "function", "function": {"name": "add", "parameters": {
        "type": "object", "properties": {"a": {"type": "integer"}}}}}]);
    let mut body = json!({"model": "demo", "messages": [{"role": "user", "content": "hi"}],
                          "tools": tools, "tool_choice": "required"});
    let response = chat(&service, &body).json();
    let (choice, function) = (&response["choices"][0], json!({"name": "add", "arguments": "{\"a\":1}"}));
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &json!(null))
    );
    assert_eq!(choice["message"]["tool_calls"][0]["function"], function);
    body["stream"] = json!(true);
    let events = crate::support::events(&chat(&service, &body));
    let chunks: Vec<serde_json::Value> = events
        .iter()
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let call = &chunks[1]["choices"][0]["delta"]["tool_calls"][0];
    assert_eq!((&call["index"], &call["function"]), (&json!(0), &function));
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn an_image_is_accepted_and_its_type_is_repeated() {
    let content =
        json!([{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": "data:,"}}]);
    let body = json!({"model": "demo", "messages": [{"role": "user", "content": content}]});
    let response = chat(&start(&[]), &body).json();
    let text = response["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.ends_with("You said: look [image_url]"), "{text}");
}

#[test]
fn an_error_for_an_unavailable_path_names_the_available_ones() {
    let service = start(&[]);
    let body = r#"{"model":"demo","input":"hi"}"#;
    for (path, hint) in [
        (
            "/v1/embeddings",
            "the demo model only chats, at /v1/chat/completions, /v1/responses and /v1/messages; for embeddings set EMBEDDINGS_URL",
        ),
        ("/v1/completions", "for completions set COMPLETIONS_URL"),
        ("/v1/chat/completion", "only /v1/models and the demo model are available"),
        ("/chat/completions", "the base URL ends in /v1"),
    ] {
        let reply = service.request("POST", path, &[], body);
        let error = &reply.json()["error"];
        assert_eq!((reply.status, error["message"].as_str()), (404, Some(reply.header("x-error-message"))));
        assert!(reply.text().contains(hint), "{path}: {}", reply.text());
    }
}
