//! Streams and errors of `/v1/responses` and `/v1/messages`.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use serde_json::{Value, json};
use space_kit::testing::{Process, Reply, read_chunk, read_head, send};

use crate::fake::{Fake, begin_events, chunk, end, json_answer, until_closed, write};
use crate::support::{before, before_all};

const ASKED: &str = r#"{"model":"m","stream":true,"input":"hi","messages":[{"role":"user","content":"hi"}]}"#;

/// Path, first event, last event, heartbeat.
const DIALECTS: [(&str, &str, &str, &str); 2] = [
    (
        "/v1/responses",
        "event: response.created\ndata: {\"type\":\"response.created\"}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n",
        ": keep-alive\n\n",
    ),
    (
        "/v1/messages",
        "event: message_start\ndata: {\"type\":\"message_start\"}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    ),
];

fn ask(service: &Process, path: &str) -> Reply {
    service.request("POST", path, &[("content-type", "application/json")], ASKED)
}

/// The reply if an upstream streams these events and then ends cleanly.
fn through(path: &str, events: &'static [&'static str]) -> Reply {
    ask(&before(&Fake::events(events), &[]), path)
}

#[test]
fn a_silent_stream_gets_heartbeats_before_and_after_its_first_event() {
    for (path, first, last, heartbeat) in DIALECTS {
        let (go_on, may_go_on) = channel::<()>();
        let may_go_on = Mutex::new(may_go_on);
        let fake = Fake::start(move |_, stream| {
            may_go_on.lock().unwrap().recv().unwrap();
            begin_events(stream);
            chunk(stream, first);
            may_go_on.lock().unwrap().recv().unwrap();
            chunk(stream, last);
            end(stream)
        });
        let service = before(&fake, &[("HEARTBEAT", "50ms")]);
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{ASKED}", ASKED.len());
        let mut stream = send(service.address, head);
        assert_eq!(read_head(&mut stream).status, 200);
        let (mut text, mut beats, mut sent) = (String::new(), 0, 0);
        while let Some(chunk) = read_chunk(&mut stream).filter(|chunk| !chunk.is_empty()) {
            let chunk = String::from_utf8(chunk).unwrap();
            beats += usize::from(chunk == heartbeat);
            text += &chunk;
            if sent < 2 && beats == 2 {
                (beats, sent) = (0, sent + 1);
                go_on.send(()).unwrap();
            }
        }
        assert_eq!(sent, 2, "{text}");
        assert_eq!(text.replace(heartbeat, ""), [first, last].concat());
    }
}

#[test]
fn a_stream_without_a_first_event_in_time_moves_to_the_next_upstream() {
    for (path, first, last, _) in DIALECTS {
        let silent = Fake::start(|seen, stream| {
            if seen.number > 0 {
                begin_events(stream);
            }
            until_closed(stream)
        });
        let second = Fake::start(move |_, stream| {
            begin_events(stream);
            chunk(stream, [first, last].concat());
            end(stream)
        });
        let service = before_all(&[&silent, &second], &[("FIRST_EVENT_TIMEOUT", "300ms")]);
        for _ in ["before the head", "after the head"] {
            let reply = ask(&service, path);
            assert_eq!((reply.text(), reply.whole), ([first, last].concat(), true));
        }
        assert_eq!((silent.count(), second.count()), (2, 2));
        let only = before(&silent, &[("FIRST_EVENT_TIMEOUT", "300ms")]);
        assert_eq!(ask(&only, path).status, 504);
    }
}

#[test]
fn the_end_of_a_stream_is_known_in_each_form_that_upstreams_use() {
    const START: &str = "event: message_start\ndata: {\"type\":\"message_start\"}\n\n";
    const STOPPED: &str = "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n";
    const DONE: &str = "data: [DONE]\n\n";
    const CREATED: &str = "data: {\"type\":\"response.created\"}\n\n";
    for (path, events) in [
        ("/v1/responses", &[CREATED, "event: response.done\ndata: {}\n\n"][..]),
        ("/v1/responses", &[CREATED, "data: {\"type\":\"response.done\"}\n\n", DONE]),
        ("/v1/responses", &[CREATED, DONE]),
        ("/v1/messages", &[START, STOPPED, DONE]),
        ("/v1/messages", &[START, STOPPED]),
        ("/v1/messages", &[START, DONE]),
    ] {
        let reply = through(path, events);
        assert_eq!((reply.text(), reply.whole), (events.concat(), true));
    }
    for (path, events) in [
        ("/v1/responses", &[CREATED][..]),
        ("/v1/messages", &[START, "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":null}}\n\n"]),
        ("/v1/responses", &[CREATED, "event: response.completed\ndata: {\"type\":\"response.comp"]),
        ("/v1/messages", &[START, STOPPED, "event: message_stop\ndata: {\"type\":\"mess"]),
    ] {
        let reply = through(path, events);
        assert!(!reply.whole && reply.text().contains("broke off"), "{}", reply.text());
    }
}

#[test]
fn an_event_that_is_not_json_does_not_end_a_stream() {
    const BYTE: &str =
        "data: {\"type\":\"response.output_text.delta\",\"delta\":\"h\u{e9}\",\"logprob\":-Infinity}\n\n";
    let (path, first, last, _) = DIALECTS[0];
    let odd = BYTE.as_bytes().to_vec();
    let broken: Vec<u8> = odd.iter().copied().filter(|&b| b != 0xA9).collect(); // half of the é
    let fake = Fake::start(move |_, stream| {
        begin_events(stream);
        for event in [first.as_bytes(), b"data: ping\n\n", &odd, &broken, last.as_bytes()] {
            chunk(stream, event);
        }
        end(stream)
    });
    let reply = ask(&before(&fake, &[]), path);
    let text = reply.text();
    assert!(reply.whole && text.contains("h\u{e9}") && text.contains("h\u{fffd}"), "{text}");
    assert!(text.contains("\n\n: ping\n\n") && text.ends_with(last), "{text}");
}

/// The type of Anthropic's error and its message.
#[track_caller]
fn anthropic_error(reply: &Reply) -> (u16, String, String) {
    let body = reply.json();
    assert_eq!(body["type"], "error", "{body}");
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{body}")).to_owned();
    (reply.status, text(&body["error"]["type"]), text(&body["error"]["message"]))
}

#[test]
fn errors_on_messages_have_anthropics_form() {
    for (status, kind, sent) in [
        (400, "invalid_request_error", 400),
        (402, "billing_error", 402),
        (403, "permission_error", 403),
        (404, "not_found_error", 404),
        (413, "request_too_large", 413),
        (429, "rate_limit_error", 429),
        (500, "api_error", 500),
        (529, "overloaded_error", 529),
    ] {
        let fake = Fake::start(move |_, stream| {
            let body = json!({"type": "error", "error": {"type": kind, "message": "so it is"}});
            json_answer(stream, status, "retry-after: 100\r\n", &body.to_string())
        });
        let service = before(&fake, &[]);
        for body in [ASKED, &ASKED.replace("true", "false")] {
            let reply = service.request("POST", "/v1/messages", &[], body);
            assert_eq!(anthropic_error(&reply), (sent, kind.to_owned(), "so it is".to_owned()));
            assert_eq!(reply.header("x-error-message"), "so it is");
        }
        let reply = service.request("POST", "/v1/messages/count_tokens", &[], ASKED);
        if status == 404 {
            assert_eq!(reply.status, 200, "an upstream that cannot count tokens is no error");
        } else {
            assert_eq!(anthropic_error(&reply).1, kind);
        }
    }
}

#[test]
fn the_services_own_errors_on_messages_have_anthropics_form_too() {
    let fake = Fake::json(json!({}));
    let key = ("API_KEYS", "site:0123456789abcdefghij");
    let service = before(&fake, &[key, ("MAX_BODY_BYTES", "1KiB"), ("RATE_LIMIT", "2/h")]);
    let ask = |body: &str, key: &str| service.request("POST", "/v1/messages", &[("x-api-key", key)], body);
    let good = "0123456789abcdefghij";
    let reply = ask("{}", "wrong");
    assert_eq!(anthropic_error(&reply).1, "authentication_error");
    assert_eq!(reply.header("x-should-retry"), "false", "no client repeats it");
    assert_eq!(reply.header("request-id"), reply.header("x-request-id"));
    assert_eq!(anthropic_error(&ask(&"x".repeat(2000), good)).1, "request_too_large");
    assert_eq!(anthropic_error(&ask("{]", good)).1, "invalid_request_error");
    assert_eq!(ask("{}", good).status, 200);
    assert_eq!(anthropic_error(&ask("{}", good)).1, "rate_limit_error");
    let reply = service.request("PUT", "/v1/messages", &[], "");
    assert_eq!((reply.status, reply.json()["type"].clone()), (405, "error".into()));
    let reply = service.request("POST", "/v1/chat/completions", &[], "{}");
    assert_eq!(reply.json()["error"]["type"], "authentication_error", "OpenAI's form elsewhere");
    assert_eq!(reply.header("request-id"), "");
}

#[test]
fn a_late_error_on_messages_is_an_event_of_anthropics_form() {
    let (go_on, may_go_on) = channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let fake = Fake::start(move |_, stream| {
        may_go_on.lock().unwrap().recv().unwrap();
        json_answer(
            stream,
            400,
            "",
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#,
        )
    });
    let service = before(&fake, &[("HEARTBEAT", "50ms")]);
    let length = ASKED.len();
    let mut stream = send(
        service.address,
        format!("POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{ASKED}"),
    );
    assert_eq!(read_head(&mut stream).status, 200);
    go_on.send(()).unwrap();
    let mut text = String::new();
    while let Some(chunk) = read_chunk(&mut stream).filter(|chunk| !chunk.is_empty()) {
        text += std::str::from_utf8(&chunk).unwrap();
    }
    let data = text.split("event: error\ndata: ").nth(1).unwrap_or_else(|| panic!("{text}"));
    let error: Value = serde_json::from_str(data).unwrap();
    assert_eq!(error, json!({"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}));
}

#[test]
fn a_status_without_a_name_has_an_empty_reason() {
    let fake = Fake::start(|_, stream| json_answer(stream, 529, "retry-after: 100\r\n", "{}"));
    let service = before(&fake, &[]);
    let mut stream = send(service.address, "GET /v1/files HTTP/1.1\r\nhost: a\r\n\r\n");
    let mut line = String::new();
    std::io::BufRead::read_line(&mut stream, &mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 529 \r\n");
}

#[test]
fn a_compressed_response_is_passed_whole_where_nothing_is_read_and_is_one_error_elsewhere() {
    const GZIP: &[u8] = b"\x1f\x8b\x08\0\xff\0junk";
    let fake = |kind: &'static str| {
        Fake::start(move |_, stream| {
            let length = GZIP.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-encoding: gzip\r\ncontent-length: {length}\r\n\r\n"
            );
            write(stream, [head.as_bytes(), GZIP].concat());
            true
        })
    };
    let json = fake("application/json");
    let service = before(&json, &[]);
    for (path, body) in [("/v1/responses", r#"{"model":"m"}"#), ("/v1/files", "")] {
        let reply = service.request("POST", path, &[], body);
        assert_eq!((reply.status, reply.header("content-encoding"), &reply.body[..]), (200, "gzip", GZIP));
    }
    assert_eq!(json.count(), 2);
    let stream = fake("text/event-stream");
    let service = before(&stream, &[]);
    for (nth, path) in ["/v1/chat/completions", "/v1/responses", "/v1/messages"].into_iter().enumerate() {
        let reply = ask(&service, path);
        assert!(reply.status == 502 && reply.text().contains("compressed"), "{path} {}", reply.text());
        assert_eq!(stream.count(), nth + 1, "it is not repeated");
    }
}
