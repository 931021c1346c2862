//! Helpers for the tests of the gateway.

use std::io::BufReader;
use std::net::TcpStream;

use serde_json::{Value, json};
use space_kit::testing::{Process, Reply, send};

use crate::fake::Fake;
use crate::start;

/// A gateway in front of this upstream, with open access.
pub(crate) fn before(upstream: &Fake, env: &[(&str, &str)]) -> Process {
    before_all(&[upstream], env)
}

/// A gateway in front of several upstreams, in this order.
pub(crate) fn before_all(upstreams: &[&Fake], env: &[(&str, &str)]) -> Process {
    let urls: Vec<String> = upstreams.iter().map(|fake| fake.url()).collect();
    let urls = urls.join(",");
    start(&[&[("UPSTREAM_URL", urls.as_str())], env].concat())
}

/// A chat request for `org/model`.
pub(crate) fn question(more: Value) -> Value {
    let mut body = json!({"model": "org/model", "messages": [{"role": "user", "content": "hi"}]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// The same, streamed.
pub(crate) fn streamed() -> Value {
    question(json!({"stream": true}))
}

/// Begins a chat, to be read chunk by chunk.
pub(crate) fn begin(service: &Process, body: &Value) -> BufReader<TcpStream> {
    let body = body.to_string();
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length";
    send(service.address, format!("{head}: {}\r\n\r\n{body}", body.len()))
}

/// The status and code of an error response.
pub(crate) fn error_of(reply: &Reply) -> (u16, String) {
    let body = reply.json();
    let code = body["error"]["code"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned();
    (reply.status, code)
}

/// The data of each event of a stream.
pub(crate) fn events(reply: &Reply) -> Vec<String> {
    let text = reply.text();
    let blocks = text.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    blocks.map(|block| block.strip_prefix("data: ").unwrap_or_else(|| panic!("{text}")).to_owned()).collect()
}

/// The text of a stream's chunks.
pub(crate) fn words(reply: &Reply) -> String {
    let chunks = events(reply).into_iter().filter(|data| data != "[DONE]");
    chunks
        .filter_map(|data| {
            let chunk: Value = serde_json::from_str(&data).unwrap();
            chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)
        })
        .collect()
}

/// Asserts that a stream ended cleanly with this text.
#[track_caller]
pub(crate) fn assert_clean(reply: &Reply, text: &str) {
    assert_eq!((reply.status, reply.whole), (200, true), "{}", reply.text());
    assert_eq!(events(reply).last().map(String::as_str), Some("[DONE]"), "{}", reply.text());
    assert_eq!(words(reply), text);
}

/// Asserts that a stream ended with an error event with this code and was aborted.
#[track_caller]
pub(crate) fn assert_cut(reply: &Reply, code: &str) {
    assert_eq!((reply.status, reply.whole), (200, false), "{}", reply.text());
    let last = events(reply).pop().unwrap_or_else(|| panic!("no event"));
    let error: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(error["error"]["code"], code, "{last}");
    assert!(error["error"]["message"].is_string() && error["error"]["type"].is_string(), "{last}");
}
