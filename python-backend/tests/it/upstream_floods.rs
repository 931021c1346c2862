//! Upstreams that send without end what is no answer.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::chat;
use crate::fake::{Fake, begin_events};
use crate::support::{assert_cut, before, error_of, question, streamed};

/// Writes the same text until the gateway closes the connection.
fn flood(stream: &mut std::net::TcpStream, text: &str) -> bool {
    let text = text.repeat(1000);
    while stream.write_all(text.as_bytes()).is_ok() {}
    false
}

#[test]
fn interim_responses_without_end_are_cut_off() {
    let fake = Fake::start(|_, stream| flood(stream, "HTTP/1.1 102 Processing\r\n\r\n"));
    let service = before(&fake, &[("UPSTREAM_TRIES", "1")]);
    let start = Instant::now();
    assert_eq!(error_of(&chat(&service, &question(json!({})))), (502, "upstream_error".to_owned()));
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(service.log("\"status\":502").contains("interim"));
    fake.closed();
}

#[test]
fn comments_without_end_are_cut_off_before_and_after_the_first_event() {
    let fake = Fake::start(|seen, stream| {
        begin_events(stream);
        if seen.json()["n"] == 1 {
            crate::fake::chunk(stream, crate::fake::HELLO);
        }
        flood(stream, &format!("400\r\n:{}\n\n\r\n", "x".repeat(0x400 - 3)))
    });
    let service = before(&fake, &[("UPSTREAM_TRIES", "1")]);
    let start = Instant::now();
    assert_eq!(error_of(&chat(&service, &streamed())), (502, "upstream_error".to_owned()));
    let mut after = streamed();
    after["n"] = json!(1);
    assert_cut(&chat(&service, &after), "upstream_error");
    assert!(start.elapsed() < Duration::from_secs(20));
}
