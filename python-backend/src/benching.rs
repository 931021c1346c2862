//! What the benchmarks measure. It is here because it calls private items.
#![allow(clippy::expect_used)] // a benchmark of a wrong result is worthless

use bytes::Bytes;
use hyper::header::HeaderMap;

use crate::json;
use crate::wire::chat_body::{Changes, ChatBody};
use crate::wire::choices::Choices;
use crate::wire::sse::{Event, Scanner};
use crate::wire::{chunk, headers, sse};

/// Finds members of a JSON object. Returns how many members it has.
pub fn json_scan(text: &[u8]) -> usize {
    json::members(text, ["model", "stream", "messages"]).expect("an object").count()
}

/// Changes the body of a chat for an upstream that has another name for the model.
pub fn chat_body(text: Bytes, model: &str) -> Vec<u8> {
    let body = ChatBody::read(text).expect("a chat");
    body.with(Changes { model: Some(model), usage: true, floats: false }).into_bytes().to_vec()
}

/// Does what a relay does with part of a stream, without the sockets: finds, inspects and writes its events.
/// Returns how many had content.
pub fn events(piece: &[u8], out: &mut Vec<u8>) -> usize {
    let mut scanner = Scanner::new(1 << 20);
    scanner.push(piece).expect("small events");
    let mut choices = Choices::new(1);
    let events = std::iter::from_fn(|| scanner.next_event()).filter(|event| !chunk::is_done(&event.data));
    let mut write = |Event { name, data }| {
        let content = chunk::inspect(&data, &mut choices).expect("a chunk").has_content;
        sse::write(&Event { name, data }, out);
        usize::from(content)
    };
    events.map(&mut write).sum()
}

/// Filters the headers of a request for the upstream.
pub fn to_upstream(sent: &HeaderMap) -> HeaderMap {
    headers::to_upstream(sent, &[])
}

/// Filters the headers of a response for the client.
pub fn to_client(sent: &HeaderMap) -> HeaderMap {
    headers::to_client(sent)
}
