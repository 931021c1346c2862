//! Time limits of whole responses and of streams.

use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::chat;
use crate::fake::{Fake, HELLO, STOP, begin_events, chunk, completion, end, until_closed, write};
use crate::support::{assert_clean, assert_cut, before, before_all, question, streamed};

#[test]
fn failover_of_a_whole_response_has_a_time_limit_of_its_own() {
    let (silent, second) = (Fake::start(|_, stream| until_closed(stream)), Fake::json(completion("hello")));
    let service = before_all(&[&silent, &second], &[("FAILOVER_TIMEOUT", "300ms")]);
    let start = Instant::now();
    assert_eq!(chat(&service, &question(json!({}))).status, 200);
    assert_eq!(service.get("/v1/files").status, 200, "what only reads is passed on like this too");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert_eq!((silent.count(), second.count()), (2, 2));
}

/// Sends one of these pieces each tenth of a second, 20 times.
fn slowly(stream: &mut TcpStream, piece: &str) {
    for _ in 0..20 {
        chunk(stream, piece);
        sleep(Duration::from_millis(100));
    }
}

fn slow() -> Fake {
    Fake::start(|seen, stream| {
        if seen.line().contains("/chat/") {
            begin_events(stream);
            slowly(stream, HELLO);
            [STOP, "data: [DONE]\n\n"].iter().for_each(|event| chunk(stream, event));
        } else if seen.line().contains("/responses") {
            begin_events(stream);
            slowly(stream, "event: response.output_text.delta\ndata: {}\n\n");
            chunk(stream, "event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n");
        } else {
            write(stream, "HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\ntransfer-encoding: chunked\r\n\r\n");
            slowly(stream, "sound");
        }
        end(stream)
    })
}

#[test]
fn a_stream_that_goes_on_has_no_total_time_limit_unless_it_is_set() {
    let fake = slow();
    let service = before(&fake, &[("UPSTREAM_TIMEOUT", "700ms")]);
    assert_clean(&chat(&service, &streamed()), &"hello".repeat(20));
    let reply = service.request("POST", "/v1/responses", &[], r#"{"model":"m","stream":true}"#);
    assert!(reply.whole && reply.text().contains("response.completed"), "{}", reply.text());
    let reply = service.get("/v1/files/f_1/content");
    assert!(reply.whole && reply.text() == "sound".repeat(20), "a download is a stream too");
    let service = before(&fake, &[("STREAM_TIMEOUT", "700ms")]);
    assert_cut(&chat(&service, &streamed()), "upstream_timeout");
}
