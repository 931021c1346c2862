//! When a client disconnects, its upstream request is cancelled at once.

use std::io::Write;

use serde_json::{Value, json};
use space_kit::testing::{read_chunk, read_head, send};

use crate::fake::{Fake, HELLO, begin_events, chunk, until_closed};
use crate::support::{before, question, streamed};

fn request(body: &Value) -> String {
    let body = body.to_string();
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn a_disconnect_cancels_a_whole_response() {
    let fake = Fake::start(|_, stream| until_closed(stream));
    let service = before(&fake, &[]);
    let client = send(service.address, request(&question(json!({}))));
    fake.next();
    drop(client);
    assert_eq!(fake.closed(), 0);
    assert!(service.log("aborted").contains("/v1/chat/completions"));
}

#[test]
fn a_disconnect_cancels_a_stream_before_its_first_event() {
    let fake = Fake::start(|_, stream| until_closed(stream));
    let service = before(&fake, &[("HEARTBEAT", "50ms")]);
    let mut client = send(service.address, request(&streamed()));
    fake.next();
    read_head(&mut client);
    drop(client);
    assert_eq!(fake.closed(), 0);
}

#[test]
fn a_disconnect_cancels_a_stream_and_its_usage_is_counted() {
    let fake = Fake::start(|_, stream| {
        begin_events(stream);
        chunk(stream, HELLO);
        until_closed(stream)
    });
    let service = before(&fake, &[]);
    let mut client = send(service.address, request(&streamed()));
    read_head(&mut client);
    assert!(!read_chunk(&mut client).unwrap().is_empty());
    drop(client);
    assert_eq!(fake.closed(), 0);
    assert!(service.log("\"usage\"").contains(r#""completion_tokens":1"#));
    assert!(service.get("/metrics").text().contains("gateway_slots_in_use 0"));
}

#[test]
fn a_disconnect_during_the_upload_releases_the_body() {
    let fake = Fake::json(json!({}));
    let service = before(&fake, &[]);
    let mut client = send(
        service.address,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 9000\r\n\r\n{",
    );
    client.get_mut().flush().unwrap();
    drop(client);
    service.log("/v1/chat/completions");
    assert!(service.get("/metrics").text().contains("gateway_body_bytes 0"));
    assert_eq!(fake.count(), 0);
}
