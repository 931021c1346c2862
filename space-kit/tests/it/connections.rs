//! Lifetimes of connections, and rare forms of requests.

use std::io::Write;
use std::time::{Duration, Instant};

use space_kit::testing::{exchange, read_chunk, read_head, read_reply, rest, send};

use crate::support::{fields, get, post, start};

#[test]
fn a_connection_without_a_request_is_closed_without_a_response() {
    let process = start(&[("HEADER_TIMEOUT", "200ms")]);
    let begun = Instant::now();
    assert_eq!(rest(&mut send(process.address, "")), b"");
    assert!(begun.elapsed() >= Duration::from_millis(199), "it had its whole time");
}

#[test]
fn an_idle_timeout_below_the_header_timeout_is_respected() {
    let process = start(&[("IDLE_TIMEOUT", "100ms"), ("HEADER_TIMEOUT", "1h")]);
    let mut stream = send(process.address, get("/hello"));
    assert_eq!(read_reply(&mut stream, false).status, 200);
    assert_eq!(rest(&mut stream), b"");
}

#[test]
fn a_kept_alive_connection_is_closed_after_idle_timeout() {
    let process = start(&[("IDLE_TIMEOUT", "1s"), ("HEADER_TIMEOUT", "500ms")]);
    let begun = Instant::now();
    let mut stream = send(process.address, get("/hello"));
    assert_eq!(read_reply(&mut stream, false).text(), "\"hello\"");
    assert_eq!(rest(&mut stream), b"");
    assert!(begun.elapsed() >= Duration::from_millis(999), "it had its whole time");
}

#[test]
fn an_unread_body_is_not_parsed_as_the_next_head() {
    let process = start(&[("IDLE_TIMEOUT", "1s"), ("HEADER_TIMEOUT", "500ms")]);
    let mut stream = send(process.address, post("/wait", "content-length: 5") + "01");
    process.get("/hello"); // its response comes after the service read the piece above
    stream.get_mut().write_all(b"234").unwrap();
    assert_eq!(process.request("POST", "/release", &[], "").status, 204);
    assert_eq!(read_reply(&mut stream, false).status, 204);
    assert_eq!(rest(&mut stream), b"", "an idle connection is closed without a 408");
}

#[test]
fn a_client_that_stops_reading_is_disconnected_after_idle_timeout() {
    let process = start(&[("IDLE_TIMEOUT", "200ms"), ("HEADER_TIMEOUT", "1h")]);
    let mut stream = send(process.address, get("/endless"));
    let line = fields(&process.log("/endless"));
    assert_eq!(line["aborted"], "the response was not sent completely");
    assert!(line["duration_ms"].as_f64().unwrap() >= 199.0, "{line}");
    assert!(!read_reply(&mut stream, false).whole, "a cut answer does not look whole");
}

#[test]
fn a_slow_but_steady_reader_is_not_disconnected() {
    let idle = Duration::from_millis(700);
    let process = start(&[("IDLE_TIMEOUT", "700ms")]);
    let mut stream = send(process.address, get("/endless"));
    assert_eq!(read_head(&mut stream).status, 200);
    let begun = Instant::now();
    while begun.elapsed() < idle * 2 {
        assert_eq!(process.get("/hello").status, 200); // the stream stalls meanwhile
        for _ in 0..10 {
            assert_eq!(read_chunk(&mut stream).map(|chunk| chunk.len()), Some(16 * 1024));
        }
    }
}

#[test]
fn a_stream_may_pause_longer_than_any_timeout() {
    let process =
        start(&[("IDLE_TIMEOUT", "200ms"), ("HEADER_TIMEOUT", "500ms"), ("REQUEST_TIMEOUT", "200ms")]);
    let mut stream = send(process.address, get("/stream"));
    assert_eq!(rest(&mut send(process.address, "")), b"", "500 ms are over when this one is closed");
    assert_eq!(process.request("POST", "/release", &[], "").status, 204);
    let reply = read_reply(&mut stream, false);
    assert_eq!((reply.text().as_str(), reply.whole), ("first\nlast\n", true));
}

#[test]
fn an_http_1_0_client_needs_no_host_and_its_connection_is_closed() {
    let process = start(&[]);
    let mut stream = send(process.address, "GET /hello HTTP/1.0\r\n\r\n");
    assert_eq!(read_reply(&mut stream, false).text(), "\"hello\"");
    assert_eq!(rest(&mut stream), b"");
    process.request("POST", "/release", &[], "");
    let streamed = exchange(process.address, "GET /stream HTTP/1.0\r\n\r\n");
    assert_eq!((streamed.header("transfer-encoding"), streamed.text().as_str()), ("", "first\nlast\n"));
}

#[test]
fn an_http_1_0_client_may_ask_for_keep_alive() {
    let process = start(&[]);
    let mut stream = send(process.address, "GET /hello HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    let reply = read_reply(&mut stream, false);
    assert_eq!((reply.status, reply.header("connection")), (200, "keep-alive"));
    stream.get_mut().write_all(b"GET /hello HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(read_reply(&mut stream, false).status, 200);
    assert_eq!(rest(&mut stream), b"");
}

#[test]
fn connection_close_is_respected_after_the_response() {
    let process = start(&[]);
    let mut stream = send(process.address, post("/echo", "connection: close\r\ncontent-length: 2") + "hi");
    let reply = read_reply(&mut stream, false);
    assert_eq!((reply.text().as_str(), reply.header("connection")), ("hi", "close"));
    assert_eq!(rest(&mut stream), b"");
}

#[test]
fn a_chunked_body_with_extensions_is_accepted() {
    let process = start(&[]);
    let body = "4;name=value\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n";
    let mut stream =
        send(process.address, post("/echo", "transfer-encoding: chunked") + body + &get("/hello"));
    assert_eq!(read_reply(&mut stream, false).text(), "Wikipedia");
    assert_eq!(read_reply(&mut stream, false).text(), "\"hello\"", "the connection goes on behind the body");
}

#[test]
fn a_rejection_before_the_body_says_that_the_connection_closes() {
    let process = start(&[]);
    for (path, framing, status) in [
        ("/nothing", "content-length: 5", 404),
        ("/hello", "content-length: 5", 405),
        ("/nothing", "transfer-encoding: chunked", 404),
        ("/nothing", "expect: 100-continue\r\ncontent-length: 5", 404),
    ] {
        let mut stream = send(process.address, post(path, framing));
        let reply = read_reply(&mut stream, false);
        assert_eq!((reply.status, reply.header("connection")), (status, "close"), "{path} {framing}");
        _ = stream.get_mut().write_all(b"12345");
        assert_eq!(rest(&mut stream), b"");
    }
    let mut stream = send(process.address, post("/nothing", "content-length: 0") + &get("/hello"));
    assert_eq!(read_reply(&mut stream, false).header("connection"), "", "without a body it stays open");
    assert_eq!(read_reply(&mut stream, false).status, 200);
}
