//! Streams of the demo model.

use std::io::Write;

use serde_json::{Value, json};
use space_kit::testing::{Process, read_reply, send};

use crate::{chat, start};

/// The data of each event. Fails if the stream has any other line.
fn events(text: &str) -> Vec<String> {
    let blocks = text.split("\n\n").filter(|block| !block.is_empty());
    blocks.map(|block| block.strip_prefix("data: ").expect("only data lines").to_owned()).collect()
}

fn ask(service: &Process, more: Value) -> (String, Vec<Value>) {
    let mut body =
        json!({"model": "demo", "stream": true, "messages": [{"role": "user", "content": "hi you"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let reply = chat(service, &body);
    assert_eq!((reply.status, reply.header("content-type"), reply.whole), (200, "text/event-stream", true));
    assert_eq!(reply.header("x-accel-buffering"), "no");
    let mut events = events(&reply.text());
    assert_eq!(events.pop().as_deref(), Some("[DONE]"));
    let chunks: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let words = chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str());
    (words.collect(), chunks)
}

#[test]
fn a_stream_has_the_role_then_words_then_the_finish_reason() {
    let (text, chunks) = ask(&start(&[]), json!({}));
    assert!(text.ends_with("You said: hi you"), "{text}");
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()));
    assert!(chunks.iter().all(|chunk| chunk["id"] == chunks[0]["id"]));
}

#[test]
fn usage_comes_last_and_only_if_requested() {
    let (_, chunks) = ask(&start(&[]), json!({"stream_options": {"include_usage": true}, "max_tokens": 2}));
    let (last, others) = chunks.split_last().unwrap();
    assert_eq!(last["choices"], json!([]));
    assert_eq!(last["usage"], json!({"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}));
    assert!(others.iter().all(|chunk| chunk["usage"].is_null() && chunk.get("usage").is_some()));
    assert_eq!(others.last().unwrap()["choices"][0]["finish_reason"], "length");
}

#[test]
fn a_drain_finishes_a_stream_and_a_request_that_has_begun() {
    let service = start(&[("DEMO_DELAY", "40ms")]);
    let body = json!({"model": "demo", "stream": true, "messages": [{"role": "user", "content": "hi"}]});
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
        body.to_string().len()
    );
    let mut stream = send(service.address, request);
    let mut late = send(service.address, "GET /v1/mod");
    std::io::BufRead::fill_buf(&mut stream).expect("the stream has begun");
    service.signal("TERM");
    service.log("draining");
    late.get_mut().write_all(b"els HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let late = read_reply(&mut late, false);
    assert_eq!((late.status, late.header("connection")), (200, "close"));
    let reply = read_reply(&mut stream, false);
    assert!(reply.whole && reply.text().ends_with("data: [DONE]\n\n"));
    assert!(service.wait().0.success());
}
