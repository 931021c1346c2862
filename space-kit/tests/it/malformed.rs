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
        ("two Hosts in HTTP/1.0", b"GET /hello HTTP/1.0\r\nhost: a\r\nhost: a\r\n\r\n"),
        ("a Host with a path", b"GET /hello HTTP/1.1\r\nhost: a/b\r\n\r\n"),
        ("a Host with a user", b"GET /hello HTTP/1.1\r\nhost: u@a\r\n\r\n"),
        ("a Host with a space", b"GET /hello HTTP/1.1\r\nhost: a b\r\n\r\n"),
        ("a Host with raw bytes", b"GET /hello HTTP/1.1\r\nhost: \xff\r\n\r\n"),
        ("a Host with a bad port", b"GET /hello HTTP/1.1\r\nhost: a:http\r\n\r\n"),
        ("a fragment in the path", b"GET /hello#x HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("raw UTF-8 in the path", "GET /hello/\u{fc} HTTP/1.1\r\nhost: a\r\n\r\n".as_bytes()),
        ("raw UTF-8 in the query", "GET /hello?\u{fc} HTTP/1.1\r\nhost: a\r\n\r\n".as_bytes()),
        ("LF after every line", b"GET /hello HTTP/1.1\nhost: a\n\n"),
        ("LF after the request line", b"GET /hello HTTP/1.1\nhost: a\r\n\r\n"),
        ("LF after a header", b"GET /hello HTTP/1.1\r\nhost: a\n\r\n"),
        ("LF at the end of the head", b"GET /hello HTTP/1.1\r\nhost: a\r\n\n"),
        ("LF before the request line", b"\nGET /hello HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("chunked twice", b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        (
            "chunked in two headers",
            b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
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

#[test]
fn an_unknown_coding_gets_a_501_and_a_length_beyond_any_a_413() {
    let process = start(&[]);
    for (framing, status, code) in [
        ("transfer-encoding: gzip, chunked", 501, "unknown_coding"),
        ("content-length: 18446744073709551615", 413, "request_too_large"),
        ("content-length: 18446744073709551614", 413, "request_too_large"),
    ] {
        let mut stream = send(process.address, post("/echo", framing) + &chunk("") + &get("/hello"));
        let reply = read_reply(&mut stream, false);
        assert_error(&reply, status, code);
        assert_eq!(reply.header("connection"), "close");
        assert_eq!(rest(&mut stream), b"", "{framing}: the connection is closed");
    }
}

/// hyper drops what follows such an end, and with it the next request.
#[test]
fn no_request_vanishes_behind_a_body_that_ends_with_trailers_or_a_bare_line_feed() {
    let process = start(&[]);
    let head = post("/echo", "transfer-encoding: chunked");
    for end in ["0\r\n\n", "0\r\nx: y\r\n\r\n", "0\r\nx: y\n\r\n", "0\r\n\nx: y\r\n\r\n"] {
        let request = [head.as_str(), &chunk("hello"), end, &get("/hello/1"), &get("/hello/2")].concat();
        let mut stream = send(process.address, request);
        let reply = read_reply(&mut stream, false);
        assert_error(&reply, 400, "bad_request");
        assert_eq!(reply.header("connection"), "close", "{end:?}");
        assert_eq!(rest(&mut stream), b"", "{end:?}");
    }
    // Nobody reads the body here, so its end is not an error, but no further request is served.
    let request = [&head.replace("/echo", "/release"), "0\r\n\n", &get("/hello/1")].concat();
    let mut stream = send(process.address, request);
    let reply = read_reply(&mut stream, false);
    assert_eq!(reply.header("connection"), "close");
    assert_eq!(rest(&mut stream), b"");
}

#[test]
fn a_body_in_many_tiny_chunks_is_rejected_early() {
    let process = start(&[]);
    let head = post("/echo", "transfer-encoding: chunked");
    let few = chunk("x").repeat(4000);
    let reply = exchange(process.address, [head.as_str(), &few, &chunk("")].concat());
    assert_eq!((reply.status, reply.body.len()), (200, 4000));
    let many = chunk("x").repeat(60_000);
    let reply = read_reply(&mut send(process.address, [head.as_str(), &many, &chunk("")].concat()), false);
    assert_error(&reply, 400, "bad_request");
    assert!(reply.text().contains("small chunks"), "{}", reply.text());
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
    assert_eq!(metric(&text, r#"space_restarts_total{cause="panic"}"#), 0);
    assert_eq!(metric(&text, "space_http_requests_in_flight"), 1, "the scrape itself");
}
