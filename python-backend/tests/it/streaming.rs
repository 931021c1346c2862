//! Streams of upstreams that misbehave in ways that clients cannot handle.

use std::sync::Mutex;
use std::sync::mpsc::channel;

use serde_json::{Value, json};
use space_kit::testing::{Reply, read_chunk, read_head};

use crate::chat;
use crate::fake::{Fake, GOOD, HELLO, STOP, begin_events, chunk, end, until_closed_sending, write};
use crate::support::{assert_clean, assert_cut, before, begin, error_of, question, streamed};

/// The reply to a client if an upstream streams these pieces and then ends cleanly.
pub(crate) fn through(pieces: &[&[u8]]) -> Reply {
    let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
    let fake = Fake::start(move |_, stream| {
        begin_events(stream);
        pieces.iter().for_each(|piece| chunk(stream, piece));
        end(stream)
    });
    chat(&before(&fake, &[]), &streamed())
}

#[test]
fn lines_that_make_clients_fail_are_removed() {
    let reply = through(&[
        b": comment\n\nid: 7\nretry: 3000\n\n",
        b"id: 8\ndata: {\"choices\":[{\"delta\":{\"content\":\"hello\"}}],\"error\":null}\n\n",
        b"data: \n\ndata:\n\n",
        b"data:{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        b"data:[DONE]\n\n",
    ]);
    assert_clean(&reply, "hello");
    let text = reply.text();
    assert!(!text.contains("id:") && !text.contains("retry:") && !text.contains("null"), "{text}");
    assert!(text.ends_with("data: [DONE]\n\n"));
}

#[test]
fn any_line_end_and_any_split_give_the_same_stream() {
    let whole: &[u8] = "\u{feff}data: {\"choices\":[{\"delta\":{\"content\":\"h\u{e9}\u{6f22}\"}}]}\r\n\r\ndata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\r\rdata: [DONE]\n\n".as_bytes();
    let fake = Fake::start(move |_, stream| {
        begin_events(stream);
        whole.iter().for_each(|byte| chunk(stream, [*byte]));
        end(stream)
    });
    assert_clean(&chat(&before(&fake, &[]), &streamed()), "h\u{e9}\u{6f22}");
}

#[test]
fn an_upstreams_comments_do_not_count_as_events() {
    let fake = Fake::start(|_, stream| {
        begin_events(stream);
        chunk(stream, HELLO);
        until_closed_sending(stream, ": busy\n\n")
    });
    let service = before(&fake, &[("EVENT_TIMEOUT", "600ms"), ("HEARTBEAT", "100ms")]);
    let reply = chat(&service, &streamed());
    assert_cut(&reply, "upstream_timeout");
    assert!(reply.text().matches(": keep-alive").count() >= 2, "{}", reply.text());
}

#[test]
fn invalid_json_in_the_middle_is_an_error() {
    assert_cut(&through(&[HELLO.as_bytes(), b"data: <html>\n\n", STOP.as_bytes()]), "upstream_error");
}

#[test]
fn an_event_named_error_is_an_error_whatever_its_data() {
    let event = "event: error\ndata: {\"message\":\"overloaded\",\"type\":\"rate_limit_exceeded\"}\n\n";
    let reply = through(&[HELLO.as_bytes(), event.as_bytes()]);
    assert_cut(&reply, "rate_limit_exceeded");
    assert!(reply.text().contains(r#""message":"overloaded""#), "{}", reply.text());
    assert_eq!(through(&[b"event: error\ndata: no memory\n\n"]).json()["error"]["message"], "no memory");
}

#[test]
fn a_repeated_key_or_another_case_does_not_abort_a_stream() {
    let twice =
        b"data: {\"choices\":[{\"delta\":{\"content\":\"x\",\"content\":\"hello\"}}],\"Usage\":null}\n\n";
    assert_clean(&through(&[twice, STOP.as_bytes()]), "hello");
}

#[test]
fn a_response_that_is_not_a_stream_is_an_error() {
    let fake = Fake::json(json!({"choices": []}));
    let reply = chat(&before(&fake, &[]), &streamed());
    assert_eq!(error_of(&reply), (502, "upstream_error".to_owned()));
    assert!(reply.text().contains("did not stream"), "{}", reply.text());
    assert_eq!(fake.count(), 1, "it is not retried");
    let fake = Fake::json(json!({"error": {"message": "no such model", "code": 404}}));
    assert_eq!(error_of(&chat(&before(&fake, &[]), &streamed())), (404, "model_not_found".to_owned()));
    let empty = Fake::events(&[]);
    assert_eq!(error_of(&chat(&before(&empty, &[]), &streamed())), (502, "upstream_error".to_owned()));
}

/// Responses that violate HTTP, or use features that were not requested.
#[test]
fn invalid_http_is_a_502() {
    let long = format!("x-long: {}\r\n", "a".repeat(400_000));
    let lies = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{}".to_owned();
    for answer in [
        format!("HTTP/1.1 200 OK\r\n{long}content-length: 2\r\n\r\n{{}}"),
        lies,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x08aa".to_owned(),
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/steal\r\ncontent-length: 0\r\n\r\n".to_owned(),
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n{}".to_owned(),
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}".to_owned(),
        String::new(),
    ] {
        let shown: String = answer.chars().take(60).collect();
        let fake = Fake::start(move |_, stream| {
            write(stream, &answer);
            false
        });
        let reply = chat(&before(&fake, &[]), &question(json!({})));
        assert_eq!(reply.status, 502, "{shown:?} {}", reply.text());
        assert!(reply.json()["error"]["message"].is_string());
    }
}

#[test]
fn interim_responses_are_ignored() {
    let fake = Fake::start(|_, stream| {
        write(stream, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n");
        begin_events(stream);
        GOOD.iter().for_each(|event| chunk(stream, event));
        end(stream)
    });
    assert_clean(&chat(&before(&fake, &[]), &streamed()), "hello");
}

#[test]
fn errors_of_every_form_become_one_form_with_the_upstreams_message() {
    for (content_type, body, message) in [
        ("application/json", r#"{"error":"plain words"}"#, "plain words"),
        ("application/json", r#"{"error":{"message":"in an object"}}"#, "in an object"),
        ("application/json", r#"{"detail":"fastapi"}"#, "fastapi"),
        ("text/plain", "just text", "just text"),
        ("text/html", "<html><head><title>Bad day</title></head></html>", "Bad day"),
        ("application/json", "", ""),
    ] {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 422 x\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let fake = Fake::start(move |_, stream| {
            write(stream, &answer);
            true
        });
        let reply = chat(&before(&fake, &[]), &streamed());
        let text = reply.json()["error"]["message"].as_str().unwrap().to_owned();
        assert_eq!((reply.status, reply.header("content-type")), (422, "application/json"));
        assert!(text.contains(message) && !text.is_empty(), "{text}");
        assert!(!reply.header("x-error-message").is_empty());
    }
}

#[test]
fn a_slow_upstream_is_bridged_by_heartbeats_and_a_late_error_is_an_event() {
    let (go_on, may_go_on) = channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let fake = Fake::start(move |_, stream| {
        may_go_on.lock().unwrap().recv().unwrap();
        crate::fake::json_answer(stream, 400, "", r#"{"error":"too late"}"#)
    });
    let service = before(&fake, &[("HEARTBEAT", "50ms")]);
    let mut stream = begin(&service, &streamed());
    let head = read_head(&mut stream);
    assert_eq!((head.status, head.header("content-type")), (200, "text/event-stream"));
    for _ in 0..3 {
        assert_eq!(read_chunk(&mut stream).unwrap(), b": keep-alive\n\n");
    }
    go_on.send(()).unwrap();
    let mut last = Vec::new();
    while let Some(chunk) = read_chunk(&mut stream).filter(|chunk| !chunk.is_empty()) {
        last = chunk;
    }
    let error: Value = serde_json::from_slice(last.strip_prefix(b"data: ").unwrap()).unwrap();
    assert_eq!(error["error"]["message"], "too late");
}

#[test]
fn a_stream_of_responses_or_messages_keeps_its_events_and_a_break_is_an_error_event() {
    for (path, last) in [
        ("/v1/responses", "event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n"),
        ("/v1/messages", "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
    ] {
        for whole in [true, false] {
            let fake = Fake::start(move |_, stream| {
                begin_events(stream);
                chunk(stream, ": ping\nretry: 1\n\nevent: x\ndata: {}\n\n");
                if whole {
                    chunk(stream, last);
                }
                end(stream)
            });
            let service = before(&fake, &[]);
            let reply = service.request("POST", path, &[], r#"{"model":"m","stream":true}"#);
            let text = reply.text();
            assert_eq!(reply.whole, whole, "{text}");
            assert!(
                text.starts_with("event: x\ndata: {}\n\n"),
                "without lines that make clients fail: {text}"
            );
            match whole {
                true => assert!(text.ends_with(last)),
                false => {
                    assert!(text.contains("event: error\ndata: {") && text.contains("broke off"), "{text}")
                }
            }
        }
    }
}

#[test]
fn events_are_forwarded_one_by_one() {
    let (go_on, may_go_on) = channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let fake = Fake::start(move |_, stream| {
        begin_events(stream);
        for event in GOOD {
            chunk(stream, event);
            may_go_on.lock().unwrap().recv().unwrap();
        }
        end(stream)
    });
    let service = before(&fake, &[]);
    let asked = question(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let mut stream = begin(&service, &asked);
    assert_eq!(read_head(&mut stream).status, 200);
    for event in GOOD {
        assert_eq!(read_chunk(&mut stream).unwrap(), event.as_bytes());
        go_on.send(()).unwrap();
    }
}
