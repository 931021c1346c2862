//! Malformed requests, and unusual but valid ones.

use std::net::Shutdown;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use proptest::{prop_assert, prop_oneof};
use space_kit::testing::{exchange, read_reply, rest, send};

use crate::support::{assert_error, chunk, get, metric, post, start};

#[test]
fn a_malformed_request_gets_a_400_and_a_closed_connection() {
    let process = start(&[]);
    let cases: &[(&str, &[u8])] = &[
        ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("an HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("words", b"hello there, service\r\n\r\n"),
        ("no version", b"GET /hello\r\n\r\n"),
        ("a future version", b"GET /hello HTTP/1.2\r\nhost: a\r\n\r\n"),
        ("a version in lower case", b"GET /hello http/1.1\r\nhost: a\r\n\r\n"),
        ("a method that is no token", b"G{T /hello HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("no path", b"GET  HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("a space in the path", b"GET /hel lo HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("NUL in the path", b"GET /hel\0lo HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("a control character in the path", b"GET /hel\x1blo HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("a path that is not UTF-8", b"GET /hel\xfflo HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("a header name that is no token", b"GET /hello HTTP/1.1\r\nhost: a\r\nb(d: x\r\n\r\n"),
        ("an empty header name", b"GET /hello HTTP/1.1\r\nhost: a\r\n: x\r\n\r\n"),
        ("a header without a colon", b"GET /hello HTTP/1.1\r\nhost: a\r\nheader\r\n\r\n"),
        ("a space before the colon", b"GET /hello HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n"),
        ("a folded header", b"GET /hello HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n"),
        ("a space before the first header", b"GET /hello HTTP/1.1\r\n host: a\r\n\r\n"),
        ("NUL in a header", b"GET /hello HTTP/1.1\r\nhost: a\r\nx: y\0z\r\n\r\n"),
        ("a lone CR in a header", b"GET /hello HTTP/1.1\r\nhost: a\r\nx: y\rz: 1\r\n\r\n"),
        ("no Host", b"GET /hello HTTP/1.1\r\n\r\n"),
        ("two Hosts", b"GET /hello HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n"),
    ];
    for (what, request) in cases {
        let mut stream = send(process.address, request);
        let reply = read_reply(&mut stream, false);
        assert_eq!(reply.status, 400, "{what}: {}", reply.text());
        assert_error(&reply, 400, "bad_request");
        assert_eq!(reply.header("connection"), "close", "{what}");
        assert_eq!(rest(&mut stream), b"", "{what}: the connection is closed");
    }
    assert_eq!(process.get("/hello").status, 200);
}

#[test]
fn a_body_with_ambiguous_length_gets_a_400() {
    let process = start(&[]);
    for framing in [
        "content-length: five",
        "content-length: +5",
        "content-length: -5",
        "content-length: 0x5",
        "content-length: 5 5",
        "content-length: ",
        "content-length: 99999999999999999999",
        "content-length: 5\r\ncontent-length: 6",
        "content-length: 5, 6",
        "transfer-encoding: gzip",
        "transfer-encoding: identity",
        "transfer-encoding: chunked, gzip",
        "transfer-encoding: chunked\r\ntransfer-encoding: gzip",
    ] {
        let mut stream = send(process.address, post("/echo", framing) + "hello!");
        let reply = read_reply(&mut stream, false);
        assert_eq!(reply.status, 400, "{framing}: {}", reply.text());
        assert_error(&reply, 400, "bad_request");
        assert_eq!(rest(&mut stream), b"", "{framing}: the connection is closed");
    }
    let old = "POST /echo HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_error(&exchange(process.address, old), 400, "bad_request");
}

/// RFC 9112 section 6.3: chunked framing takes precedence, and the connection is closed.
#[test]
fn a_body_with_both_framings_is_read_as_chunked_and_ends_the_connection() {
    let process = start(&[]);
    let (length, chunked) = ("content-length: 4", "transfer-encoding: chunked");
    for both in [format!("{length}\r\n{chunked}"), format!("{chunked}\r\n{length}")] {
        let request = post("/echo", &both) + &chunk("hello") + &chunk("") + &get("/hello/smuggled");
        let mut stream = send(process.address, request);
        let reply = read_reply(&mut stream, false);
        assert_eq!((reply.status, reply.text().as_str()), (200, "hello"));
        assert_eq!(reply.header("connection"), "close");
        assert_eq!(rest(&mut stream), b"");
    }
}

#[test]
fn unusual_but_valid_requests_are_served() {
    let process = start(&[]);
    for request in [
        "GET /hello HTTP/1.1\nhost: a\n\n",
        "\r\n\r\nGET /hello HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /hello HTTP/1.1\r\nHOST:a\r\nx:\r\n\r\n",
        "GET /hello?a=b&c HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET http://other.example/hello HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /hello HTTP/1.1\r\nhost: a\r\nx: \u{fc}ml\u{e4}ut\r\n\r\n",
        "GET /hello HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        "GET /hello HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n",
        "GET /hello HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody",
    ] {
        let reply = exchange(process.address, request);
        assert_eq!((reply.status, reply.text().as_str()), (200, "\"hello\""), "{request:?}");
    }
}

/// Random sequences of pieces of requests: most are malformed, some are valid.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "GET /hello HTTP/1.1\r\n",
        "POST /echo HTTP/1.1\r\n",
        "HEAD * HTTP/1.0\r\n",
        "host: a\r\n",
        "host:",
        "\r\n",
        "\r\n\r\n",
        "content-length: 5\r\n",
        "transfer-encoding: chunked\r\n",
        "expect: 100-continue\r\n",
        "5\r\nhello\r\n",
        "0\r\n\r\n",
        "connection: close\r\n",
        "upgrade: h2c\r\n",
        "OPTIONS ",
        "http://",
        " HTTP/1.1",
        "x",
        ":",
        " ",
        "\n",
        "\0",
        "%",
        "fffffffff\r\n",
    ];
    let piece = prop_oneof![
        6 => select(known.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn whatever_is_sent_the_service_responds_with_http_or_nothing_and_survives() {
    let process = start(&[]);
    let config = Config { cases: 500, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&pieces(), |bytes| {
        let mut stream = send(process.address, &bytes);
        stream.get_ref().shutdown(Shutdown::Write).unwrap();
        let answer = rest(&mut stream);
        prop_assert!(
            answer.is_empty() || answer.starts_with(b"HTTP/1."),
            "{}",
            String::from_utf8_lossy(&answer)
        );
        Ok(())
    });
    outcome.unwrap();
    let text = process.get("/metrics").text();
    assert_eq!(metric(&text, r#"restarts_total{cause="panic"}"#), 0);
    assert_eq!(metric(&text, "http_requests_in_flight"), 1, "the scrape itself");
}
