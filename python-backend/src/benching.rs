//! What the benches time. It is here, because it calls what no other crate can see.
#![allow(clippy::expect_used)] // a bench of a wrong result is none

use bytes::Bytes;
use hyper::header::HeaderMap;

use crate::chat_body::{Changes, ChatBody};
use crate::choices::Choices;
use crate::sse::{Event, Scanner};
use crate::{chunk, headers, json_scan, sse};

/// The members of a JSON object: how many.
pub fn json_scan(text: &[u8]) -> usize {
    json_scan::members(text, ["model", "stream", "messages"]).expect("an object").count()
}

/// A chat's body as it goes to an upstream that has another name for the model.
pub fn chat_body(text: Bytes, model: &str) -> Vec<u8> {
    let body = ChatBody::read(text).expect("a chat");
    body.with(Changes { model: Some(model), usage: true, floats: false }).into_bytes().to_vec()
}

/// What a relay does with a piece of a stream, but for the sockets: finds, inspects and writes its events. Gives
/// how many had content.
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

/// A request's headers as an upstream gets them.
pub fn to_upstream(sent: &HeaderMap) -> HeaderMap {
    headers::to_upstream(sent)
}

/// An answer's headers as a client gets them.
pub fn to_client(sent: &HeaderMap) -> HeaderMap {
    headers::to_client(sent)
}
