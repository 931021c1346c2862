//! `/v1/responses` and `/v1/messages` over upstreams that have only chat completions.

use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use serde_json::{Value, json};
use space_kit::testing::{Process, Reply, read_chunk, read_head, send};

use crate::fake::{Fake, HELLO, STOP, Seen, USAGE, begin_events, chunk, completion, end, json_answer};
use crate::start;
use crate::support::{before, before_all};

const PATHS: [&str; 2] = ["/v1/responses", "/v1/messages"];
const NOT_FOUND: &str = r#"{"detail":"Not Found"}"#;

fn request(stream: bool) -> Value {
    json!({"model": "org/model", "stream": stream, "input": "hi", "max_tokens": 9,
           "messages": [{"role": "user", "content": "hi"}]})
}

fn ask(service: &Process, path: &str, body: &Value) -> Reply {
    service.request("POST", path, &[("content-type", "application/json")], &body.to_string())
}

/// Answers chats, and everything else with this status and body.
fn answer(seen: &Seen, stream: &mut TcpStream, status: u16, body: &str) -> bool {
    if !seen.line().starts_with("POST /v1/chat/completions ") {
        return json_answer(stream, status, "", body);
    }
    if seen.json()["stream"] == false {
        return json_answer(stream, 200, "", &completion("hello").to_string());
    }
    begin_events(stream);
    [HELLO, STOP, USAGE, "data: [DONE]\n\n"].iter().for_each(|event| chunk(stream, event));
    end(stream)
}

fn chat_only() -> Fake {
    Fake::start(|seen, stream| answer(seen, stream, 404, NOT_FOUND))
}

/// The text of a whole response or of a stream.
#[track_caller]
fn said(path: &str, reply: &Reply) -> String {
    assert_eq!((reply.status, reply.whole), (200, true), "{}", reply.text());
    let text = reply.text();
    let is_stream = reply.header("content-type").starts_with("text/event-stream");
    if !is_stream {
        let whole = reply.json();
        let text = match path {
            "/v1/messages" => &whole["content"][0]["text"],
            _ => &whole["output"][0]["content"][0]["text"],
        };
        return text.as_str().unwrap_or_else(|| panic!("{whole}")).to_owned();
    }
    let last = if path == "/v1/messages" { "message_stop" } else { "response.completed" };
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names.last(), Some(&last), "{text}");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let deltas = data.filter_map(|data| {
        let event: Value = serde_json::from_str(data).unwrap();
        let delta = if path == "/v1/messages" { &event["delta"]["text"] } else { &event["delta"] };
        delta.as_str().map(str::to_owned)
    });
    deltas.collect()
}

#[test]
fn an_upstream_without_the_api_answers_by_chat_completions() {
    let fake = chat_only();
    let service = before(&fake, &[]);
    for path in PATHS {
        for stream in [false, true] {
            let reply = ask(&service, path, &request(stream));
            assert_eq!(said(path, &reply), "hello");
            let id = if path == "/v1/messages" { reply.header("x-request-id") } else { "" };
            assert_eq!(reply.header("request-id"), id, "the name that Anthropic's clients show");
        }
    }
    let lines: Vec<String> = (0..6).map(|_| fake.next().line().replace(" HTTP/1.1", "")).collect();
    let chat = "POST /v1/chat/completions";
    let expected = ["POST /v1/responses", chat, chat, "POST /v1/messages", chat, chat];
    assert_eq!(lines, expected, "the missing API is remembered");
    let metrics = service.get("/metrics").text();
    for api in ["responses", "messages"] {
        assert!(metrics.contains(&format!("api=\"{api}\"}} 2\n")), "{metrics}");
    }
    assert!(metrics.contains(r#"kind="prompt"} 13"#) || metrics.contains(r#"kind="prompt"}"#), "{metrics}");
}

#[test]
fn an_upstream_with_the_api_gets_the_request_as_it_is() {
    let fake = Fake::json(json!({"native": true}));
    let service = before(&fake, &[]);
    for path in PATHS {
        let body = format!("{} ", request(false));
        let reply = service.request("POST", &format!("{path}?beta=true"), &[], &body);
        assert_eq!(reply.json(), json!({"native": true}));
        let seen = fake.next();
        assert_eq!((seen.line(), &seen.body), (&*format!("POST {path}?beta=true HTTP/1.1"), &body));
    }
    assert_eq!(fake.count(), 2);
}

#[test]
fn a_wrong_model_does_not_make_a_native_upstream_a_chat_only_one() {
    for error in [
        json!({"error": {"message": "no such thing", "code": "model_not_found"}}),
        json!({"type": "error", "error": {"type": "not_found_error", "message": "model: org/model"}}),
        json!({"error": "org/model is unknown"}),
    ] {
        let error = error.to_string();
        let fake = Fake::start(move |seen, stream| match seen.number {
            0 => json_answer(stream, 404, "", &error),
            _ => json_answer(stream, 200, "", "{\"native\":true}"),
        });
        let service = before(&fake, &[]);
        assert_eq!(ask(&service, "/v1/messages", &request(false)).status, 404);
        assert_eq!(ask(&service, "/v1/messages", &request(false)).json(), json!({"native": true}));
        let lines = [fake.next(), fake.next()].map(|seen| seen.line().to_owned());
        assert_eq!(lines, ["POST /v1/messages HTTP/1.1"; 2]);
    }
}

#[test]
fn a_missing_api_is_remembered_only_if_the_chat_succeeds() {
    let fake = Fake::start(|seen, stream| match seen.number {
        1 => json_answer(stream, 401, "", r#"{"error":{"message":"bad key","code":"invalid_api_key"}}"#),
        2 => json_answer(stream, 200, "", "{\"native\":true}"),
        _ => json_answer(stream, 405, "", ""),
    });
    let service = before(&fake, &[]);
    let reply = ask(&service, "/v1/responses", &request(false));
    assert!(reply.text().contains("bad key"), "{}", reply.text());
    assert_eq!(ask(&service, "/v1/responses", &request(false)).json(), json!({"native": true}));
}

#[test]
fn the_setting_decides_without_an_attempt() {
    for (setting, first) in [("chat", "POST /v1/chat/completions"), ("native", "POST /v1/responses")] {
        let fake = chat_only();
        let service = before(&fake, &[("UPSTREAM_API", setting)]);
        let reply = ask(&service, "/v1/responses", &request(false));
        assert_eq!(fake.next().line(), format!("{first} HTTP/1.1"));
        assert_eq!((fake.count(), reply.status == 404), (1, setting == "native"));
    }
}

#[test]
fn failover_mixes_translated_and_native_upstreams() {
    let broken = Fake::start(|seen, stream| match seen.line().starts_with("POST /v1/chat") {
        true => json_answer(stream, 500, "", "{}"),
        false => json_answer(stream, 501, "", "{}"),
    });
    let native =
        Fake::events(&["event: message_stop\ndata: {\"type\":\"message_stop\",\"native\":true}\n\n"]);
    let service = before_all(&[&broken, &native], &[]);
    let reply = ask(&service, "/v1/messages", &request(true));
    assert!(reply.whole && reply.text().contains("\"native\":true"), "{}", reply.text());
    assert_eq!((broken.count(), native.count()), (2, 1));
    let busy = Fake::json_status(429);
    let service = before_all(&[&busy, &chat_only()], &[]);
    assert_eq!(said("/v1/messages", &ask(&service, "/v1/messages", &request(true))), "hello");
}

#[test]
fn a_truncated_stream_fails_in_the_form_of_its_api() {
    for (path, event) in PATHS.into_iter().zip(["event: response.failed\n", "event: error\n"]) {
        let fake = Fake::start(|seen, stream| {
            if !seen.line().contains("/chat/") {
                return json_answer(stream, 404, "", NOT_FOUND);
            }
            begin_events(stream);
            chunk(stream, HELLO);
            end(stream)
        });
        let reply = ask(&before(&fake, &[]), path, &request(true));
        let text = reply.text();
        assert!(!reply.whole && text.contains(event) && text.contains("broke off"), "{text}");
        assert!(!text.contains("response.completed") && !text.contains("message_stop"), "{text}");
    }
}

#[test]
fn a_silent_translated_stream_gets_the_heartbeats_of_its_api() {
    for (path, heartbeat) in
        PATHS.into_iter().zip([": keep-alive\n\n", "event: ping\ndata: {\"type\":\"ping\"}\n\n"])
    {
        let (go_on, may_go_on) = channel::<()>();
        let may_go_on = Mutex::new(may_go_on);
        let fake = Fake::start(move |_, stream| {
            begin_events(stream);
            chunk(stream, HELLO);
            may_go_on.lock().unwrap().recv().unwrap();
            chunk(stream, STOP);
            end(stream)
        });
        let service = before(&fake, &[("HEARTBEAT", "50ms"), ("UPSTREAM_API", "chat")]);
        let body = request(true).to_string();
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut stream = send(service.address, head);
        assert_eq!(read_head(&mut stream).status, 200);
        let (mut text, mut beats) = (String::new(), 0);
        while let Some(chunk) = read_chunk(&mut stream).filter(|chunk| !chunk.is_empty()) {
            let chunk = String::from_utf8(chunk).unwrap();
            beats += usize::from(chunk == heartbeat);
            text += &chunk;
            if beats == 2 {
                beats = 3;
                go_on.send(()).unwrap();
            }
        }
        assert!(text.contains("response.completed") || text.contains("message_stop"), "{text}");
    }
}

#[test]
fn dropped_tools_are_reported() {
    let tools = json!([{"type": "web_search"}, {"type": "function", "name": "f", "parameters": {}}]);
    for stream in [false, true] {
        let mut body = request(stream);
        body["tools"] = tools.clone();
        let fake = chat_only();
        let service = before(&fake, &[("UPSTREAM_API", "chat")]);
        let reply = ask(&service, "/v1/responses", &body);
        assert_eq!(reply.header("x-dropped-tools"), "web_search");
        let sent = fake.next().json()["tools"].clone();
        assert_eq!((sent.as_array().map(Vec::len), &sent[0]["function"]["name"]), (Some(1), &json!("f")));
    }
}

#[test]
fn what_is_not_stored_here_is_rejected_before_the_chat() {
    let fake = chat_only();
    let service = before(&fake, &[]);
    let mut body = request(true);
    body["store"] = true.into();
    let reply = ask(&service, "/v1/responses", &body);
    assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!("store")));
    assert!(reply.text().contains("not stored here"), "{}", reply.text());
    assert_eq!(fake.count(), 1);
}

#[test]
fn a_member_that_the_upstream_rejects_is_left_out_from_then_on() {
    let fake = Fake::start(|seen, stream| match seen.json().get("reasoning_effort") {
        Some(_) => {
            json_answer(stream, 400, "", r#"{"error":{"message":"`reasoning_effort` is not supported"}}"#)
        }
        None => answer(seen, stream, 404, ""),
    });
    let service = before(&fake, &[("UPSTREAM_API", "chat")]);
    let mut body = request(true);
    body["reasoning"] = json!({"effort": "low"});
    for _ in 0..2 {
        assert_eq!(said("/v1/responses", &ask(&service, "/v1/responses", &body)), "hello");
    }
    assert_eq!(fake.count(), 3);
}

#[test]
fn a_long_answer_fails_in_the_form_of_its_api() {
    let fake = chat_only();
    let service = before(&fake, &[("UPSTREAM_API", "chat"), ("ANSWER_LIMIT", "4")]);
    for (path, event) in PATHS.into_iter().zip(["event: response.failed\n", "event: error\n"]) {
        let reply = ask(&service, path, &request(true));
        let text = reply.text();
        assert!(!reply.whole && text.contains(event) && text.contains("ANSWER_LIMIT"), "{text}");
        assert_eq!(ask(&service, path, &request(false)).status, 502);
    }
}

#[test]
fn own_reasoning_goes_back_to_the_upstream_that_wrote_it_and_to_no_other() {
    let thinking = |signature: &str| json!({"type": "thinking", "thinking": "hm", "signature": signature});
    let mut body = request(false);
    body["messages"] = json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": [
        thinking("foreign"), thinking("python-backend/reasoning"), {"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]}]);
    let native = Fake::json(json!({}));
    ask(&before(&native, &[]), "/v1/messages", &body);
    let sent = native.next().json()["messages"][1]["content"].clone();
    assert_eq!((sent.as_array().map(Vec::len), &sent[0]), (Some(2), &thinking("foreign")));
    let chat = chat_only();
    ask(&before(&chat, &[("UPSTREAM_API", "chat")]), "/v1/messages", &body);
    let sent = chat.next().json()["messages"][1].clone();
    assert_eq!((&sent["reasoning"], sent.to_string().contains("foreign")), (&json!("hm"), false));
}

#[test]
fn the_demo_model_calls_a_tool_as_it_is_told_and_repeats_the_result() {
    let service = start(&[]);
    let ask = |path: &str, body: &Value| {
        let reply = ask(&service, path, body);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    };
    let user = json!({"role": "user", "content": "/call f {\"a\": 1}"});
    let tools = json!([{"type": "function", "name": "f", "parameters": {"type": "object"}}]);
    let mut body = json!({"model": "demo", "input": [user], "tools": tools});
    let call = ask("/v1/responses", &body)["output"][0].clone();
    assert_eq!((&call["name"], &call["arguments"]), (&json!("f"), &json!("{\"a\": 1}")));
    let result = json!({"type": "function_call_output", "call_id": call["call_id"], "output": "it is done"});
    body["input"].as_array_mut().unwrap().extend([call, result]);
    let said = ask("/v1/responses", &body)["output"][0]["content"][0]["text"].clone();
    assert!(said.as_str().unwrap().ends_with("The tool returned: it is done"), "{said}");

    let tools = json!([{"name": "f", "input_schema": {"type": "object"}}]);
    let mut body = json!({"model": "demo", "max_tokens": 99, "messages": [user], "tools": tools});
    let message = ask("/v1/messages", &body);
    assert_eq!(
        (&message["content"][0]["input"], &message["stop_reason"]),
        (&json!({"a": 1}), &json!("tool_use"))
    );
    let result =
        json!([{"type": "tool_result", "tool_use_id": message["content"][0]["id"], "content": "it is done"}]);
    body["messages"].as_array_mut().unwrap().extend([
        json!({"role": "assistant", "content": message["content"]}),
        json!({"role": "user", "content": result}),
    ]);
    let said = ask("/v1/messages", &body)["content"][0]["text"].clone();
    assert!(said.as_str().unwrap().ends_with("The tool returned: it is done"), "{said}");
    let reply = service.request("POST", "/v1/messages", &[], r#"{"model":"gpt-9"}"#);
    assert_eq!((reply.status, &reply.json()["error"]["type"]), (404, &json!("not_found_error")));
}

#[test]
fn tokens_are_counted_by_the_upstream_or_estimated() {
    const PATH: &str = "/v1/messages/count_tokens?beta=true";
    let body =
        json!({"model": "org/model", "messages": [{"role": "user", "content": "Good morning, gateway"}]});
    let native = Fake::json(json!({"input_tokens": 77}));
    assert_eq!(ask(&before(&native, &[]), PATH, &body).json(), json!({"input_tokens": 77}));
    let fake = chat_only();
    for setting in ["auto", "chat"] {
        let reply = ask(&before(&fake, &[("UPSTREAM_API", setting)]), PATH, &body);
        assert_eq!((reply.status, reply.json()), (200, json!({"input_tokens": 8})));
    }
    assert_eq!(fake.count(), 1, "a chat-only upstream is not asked");
    let demo = json!({"model": "demo", "messages": body["messages"]});
    assert_eq!(ask(&start(&[]), PATH, &demo).json(), json!({"input_tokens": 8}));
    let reply = ask(&before(&fake, &[]), PATH, &json!({"model": "org/model"}));
    assert_eq!((reply.status, &reply.json()["error"]["type"]), (400, &json!("invalid_request_error")));
}

#[test]
fn models_are_listed_in_the_form_of_the_clients_api() {
    let fake = Fake::json(json!({"object": "list", "data": [{"id": "a", "object": "model"}, {"id": "b"}]}));
    let service = before(&fake, &[]);
    let version = [("anthropic-version", "2023-06-01")];
    let model = |id: &str| json!({"type": "model", "id": id, "display_name": id, "created_at": "1970-01-01T00:00:00Z"});
    let reply = service.request("GET", "/v1/models?limit=1000", &version, "").json();
    let expected =
        json!({"data": [model("a"), model("b")], "has_more": false, "first_id": "a", "last_id": "b"});
    assert_eq!(reply, expected);
    assert_eq!(service.get("/v1/models").json()["object"], "list");
    let reply = start(&[]).request("GET", "/v1/models/demo", &version, "").json();
    assert_eq!(reply, model("demo"));
}
