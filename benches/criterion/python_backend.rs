//! Benches of python-backend.

use std::hint::black_box;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use criterion::{Criterion, Throughput};
use python_backend::benching;
use serde_json::{Value, json};
use space_kit::{Bytes, HeaderMap, HeaderValue};

use crate::socket;

const EVENTS: u64 = 1000;

pub(crate) fn benches(c: &mut Criterion) {
    json_scan(c);
    sse(c);
    relay(c);
    headers(c);
}

/// A chat of 20 messages, about 10 KB.
fn chat() -> String {
    let message = |number: u32| json!({"role": if number.is_multiple_of(2) { "user" } else { "assistant" }, "content": "Ein \"Wort\"\n".repeat(40)});
    let messages: Vec<Value> = (0..20).map(message).collect();
    json!({"messages": messages, "model": "org/model", "stream": true, "temperature": 0.7}).to_string()
}

fn json_scan(c: &mut Criterion) {
    let mut group = c.benchmark_group("json_scan");
    let text = chat();
    group.throughput(Throughput::Bytes(text.len() as u64));
    assert_eq!(benching::json_scan(text.as_bytes()), 4);
    group.bench_function("members of a chat", |b| b.iter(|| benching::json_scan(black_box(text.as_bytes()))));

    let text = Bytes::from(text);
    let changed: Value = serde_json::from_slice(&benching::chat_body(text.clone(), "other")).unwrap();
    assert_eq!(
        (&changed["model"], &changed["stream_options"]["include_usage"]),
        (&json!("other"), &json!(true))
    );
    group.bench_function("a chat with another model", |b| {
        b.iter(|| benching::chat_body(text.clone(), black_box("other")))
    });
}

/// An upstream's event stream, without chunked framing.
fn stream(events: u64) -> String {
    let choice = |delta: Value, reason: Value| json!({"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "org/model", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]});
    let content = format!("data: {}\n\n", choice(json!({"content": "hello "}), Value::Null));
    let last = format!("data: {}\n\ndata: [DONE]\n\n", choice(json!({}), json!("stop")));
    content.repeat(events as usize) + &last
}

fn sse(c: &mut Criterion) {
    let mut group = c.benchmark_group("sse");
    let (text, mut out) = (stream(EVENTS), Vec::new());
    assert_eq!(benching::events(text.as_bytes(), &mut out), EVENTS as usize);
    assert_eq!(
        text,
        String::from_utf8(out.clone()).unwrap() + "data: [DONE]\n\n",
        "passed through unchanged"
    );
    group.throughput(Throughput::Elements(EVENTS));
    group.bench_function("events found, inspected and written", |b| {
        b.iter(|| {
            out.clear();
            benching::events(black_box(text.as_bytes()), &mut out)
        });
    });
}

/// A stream from the upstream's socket to the client's, as it is and translated. The throughput is that of events, so
/// the difference of two is what the translation of an event adds.
fn relay(c: &mut Criterion) {
    let mut group = c.benchmark_group("relay");
    let env = [("UPSTREAM_URL", format!("http://{}/v1", upstream())), ("UPSTREAM_API", "chat".to_owned())];
    let mut client = socket::start(&python_backend::SERVICE, Vec::leak(env.into()));
    group.throughput(Throughput::Elements(EVENTS));
    for (path, delta, name) in [
        ("chat/completions", "\"content\":\"hello \"", "events from socket to socket"),
        ("responses", "\"delta\":\"hello \"", "events translated for /v1/responses"),
        ("messages", "_delta\",\"text\":\"hello \"", "events translated for /v1/messages"),
    ] {
        let message = json!([{"role": "user", "content": "hi"}]);
        let body =
            json!({"model": "org/model", "stream": true, "messages": message, "input": message}).to_string();
        let request = format!(
            "POST /v1/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut response = Vec::new();
        socket::ask(&mut client, request.as_bytes(), b"0\r\n\r\n", &mut response);
        let text = String::from_utf8_lossy(&response);
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\n") && text.matches(delta).count() == EVENTS as usize,
            "{text}"
        );
        group.bench_function(name, |b| {
            b.iter(|| socket::ask(&mut client, black_box(request.as_bytes()), b"0\r\n\r\n", &mut response));
        });
    }
}

/// Answers each request with the same stream, one event per chunk.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut response =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    for event in stream(EVENTS).split_inclusive("\n\n") {
        response += &format!("{:x}\r\n{event}\r\n", event.len());
    }
    response += "0\r\n\r\n";
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, response) = (stream.unwrap(), response.clone());
            thread::spawn(move || {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    request.extend_from_slice(&buffer[..read]);
                    if request.ends_with(b"}") {
                        request.clear();
                        stream.write_all(response.as_bytes()).unwrap();
                    }
                }
            });
        }
    });
    address
}

fn headers(c: &mut Criterion) {
    let mut group = c.benchmark_group("headers");
    let sent: HeaderMap = [
        ("host", "owner-name.hf.space"),
        ("user-agent", "OpenAI/JS 5.0"),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("authorization", "Bearer secret"),
        ("x-forwarded-for", "203.0.113.7"),
        ("x-stainless-lang", "js"),
        ("x-stainless-retry-count", "0"),
        ("cookie", "a=b"),
        ("connection", "keep-alive"),
    ]
    .into_iter()
    .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
    .collect();
    let kept = benching::to_upstream(&sent);
    assert!(
        !kept.contains_key("authorization") && !kept.contains_key("cookie") && kept.contains_key("accept")
    );
    group.bench_function("to the upstream", |b| b.iter(|| benching::to_upstream(black_box(&sent))));
    assert!(!benching::to_client(&sent).contains_key("connection"));
    group.bench_function("to the client", |b| b.iter(|| benching::to_client(black_box(&sent))));
}
