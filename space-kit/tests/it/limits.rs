//! Limits, and the error response of each.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use space_kit::testing::{PATIENCE, Process, Reply, Stream, exchange, read_reply, rest, send};

use crate::support::{assert_error, chunk, get, post, start};

/// Sends a request, and expects an error after which the connection is closed.
#[track_caller]
fn rejected(process: &Process, request: impl AsRef<[u8]>, status: u16, code: &str) -> Reply {
    let mut stream = send(process.address, request);
    let reply = read_reply(&mut stream, false);
    assert_error(&reply, status, code);
    assert_eq!(reply.header("connection"), "close");
    assert_eq!(rest(&mut stream), b"", "the connection is closed after one answer");
    reply
}

/// Writes one byte whenever no response has arrived for 10 ms, and returns the response.
fn trickle(mut stream: Stream, byte: u8) -> Reply {
    let begun = Instant::now();
    let pace = Some(Duration::from_millis(10));
    stream.get_ref().set_read_timeout(pace).unwrap();
    let mut first = [0];
    while let Err(error) = stream.get_mut().read_exact(&mut first) {
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(begun.elapsed() < PATIENCE, "trickling keeps the connection alive");
        _ = stream.get_mut().write_all(&[byte]); // may be closed by now: the response shows it
    }
    stream.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
    read_reply(&mut first.chain(&mut stream), false)
}

#[test]
fn a_head_longer_than_16_kib_gets_431() {
    let process = start(&[]);
    let long = "x".repeat(17 * 1024);
    rejected(
        &process,
        format!("GET /hello HTTP/1.1\r\nhost: a\r\nx: {long}\r\n\r\n"),
        431,
        "headers_too_large",
    );
    rejected(&process, get(&format!("/{long}")), 431, "headers_too_large");
    let fits = "x".repeat(15 * 1024);
    let reply = exchange(process.address, format!("GET /hello HTTP/1.1\r\nhost: a\r\nx: {fits}\r\n\r\n"));
    assert_eq!(reply.status, 200);
}

#[test]
fn a_head_with_more_than_100_fields_gets_431() {
    let process = start(&[]);
    let with =
        |fields: usize| format!("GET /hello HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(fields - 1));
    rejected(&process, with(101), 431, "headers_too_large");
    assert_eq!(exchange(process.address, with(100)).status, 200);
}

#[test]
fn slow_head_gets_408_after_header_timeout() {
    let process = start(&[("HEADER_TIMEOUT", "500ms")]);
    let begun = Instant::now();
    let reply = trickle(send(process.address, "GET /hello HTTP/1.1\r\nx: "), b'y');
    assert_error(&reply, 408, "headers_timeout");
    assert!(begun.elapsed() >= Duration::from_millis(499), "it had its whole time");
    assert!(reply.text().contains("500ms"), "{}", reply.text());
}

#[test]
fn a_late_second_head_gets_408_like_the_first() {
    let process = start(&[("HEADER_TIMEOUT", "500ms")]);
    let mut stream = send(process.address, get("/hello"));
    assert_eq!(read_reply(&mut stream, false).status, 200);
    stream.get_mut().write_all(b"GET /hel").unwrap();
    assert_error(&read_reply(&mut stream, false), 408, "headers_timeout");
    assert_eq!(rest(&mut stream), b"");
}

#[test]
fn a_content_length_above_the_limit_gets_413_before_the_body() {
    let process = start(&[("MAX_BODY_BYTES", "10")]);
    let reply = rejected(&process, post("/echo", "content-length: 11"), 413, "request_too_large");
    assert!(reply.text().contains("10 bytes"), "{}", reply.text());
    rejected(&process, post("/release", "content-length: 18446744073709551000"), 413, "request_too_large");
    assert_eq!(
        exchange(process.address, post("/echo", "content-length: 10") + "0123456789").text(),
        "0123456789"
    );
}

#[test]
fn a_chunked_body_gets_413_as_soon_as_it_is_too_long() {
    let process = start(&[("MAX_BODY_BYTES", "10")]);
    let chunked = post("/echo", "transfer-encoding: chunked");
    rejected(&process, format!("{chunked}{}{}", chunk("012345"), chunk("6789x")), 413, "request_too_large");
    let fits = format!("{chunked}{}{}{}", chunk("012345"), chunk("6789"), chunk(""));
    assert_eq!(exchange(process.address, fits).text(), "0123456789");
}

#[test]
fn an_error_reaches_a_client_that_is_still_sending() {
    let process = start(&[]);
    let long = "x".repeat(4 << 20);
    for (head, status, code) in [
        (post("/echo", "content-length: 4194304"), 413, "request_too_large"),
        (post("/nothing", "content-length: 4194304"), 404, "not_found"),
        (post("/echo", "no header"), 400, "bad_request"),
    ] {
        let mut stream = send(process.address, "");
        stream.get_mut().write_all((head + &long).as_bytes()).expect("the rest is taken, not reset");
        assert_error(&read_reply(&mut stream, false), status, code);
        assert_eq!(rest(&mut stream), b"");
    }
}

#[test]
fn continue_is_sent_only_if_the_body_would_be_accepted() {
    let process = start(&[("MAX_BODY_BYTES", "10")]);
    let expecting = |length| post("/echo", &format!("expect: 100-continue\r\ncontent-length: {length}"));
    rejected(&process, expecting(11), 413, "request_too_large");
    let mut stream = send(process.address, expecting(5));
    assert_eq!(read_reply(&mut stream, false).status, 100);
    stream.get_mut().write_all(b"hello").unwrap();
    assert_eq!(read_reply(&mut stream, false).text(), "hello");
}

#[test]
fn a_response_that_does_not_begin_in_time_is_a_504() {
    let process = start(&[("REQUEST_TIMEOUT", "100ms")]);
    rejected(&process, get("/hang"), 504, "request_timeout");
}

#[test]
fn a_body_that_does_not_arrive_in_time_is_a_408() {
    let process = start(&[("REQUEST_TIMEOUT", "200ms")]);
    rejected(&process, post("/echo", "content-length: 5"), 408, "body_timeout");
    let reply = trickle(send(process.address, post("/echo", "content-length: 60000")), b'y');
    assert_error(&reply, 408, "body_timeout");
}

#[test]
fn a_body_that_breaks_off_or_has_invalid_framing_is_a_400() {
    let process = start(&[]);
    let chunked = post("/echo", "transfer-encoding: chunked");
    rejected(&process, chunked.clone() + "no size\r\n", 400, "body_broken");
    rejected(&process, chunked.clone() + "5\r\nhello, too long", 400, "body_broken");
    rejected(&process, chunked + "fffffffffffffffff\r\n", 400, "body_broken");
}

#[test]
fn a_connection_above_the_limit_gets_an_error_and_the_others_continue() {
    let process = start(&[("MAX_CONNECTIONS", "2")]);
    let (mut one, mut two) = (send(process.address, get("/hello")), send(process.address, ""));
    assert_eq!(read_reply(&mut one, false).status, 200);
    let reply = rejected(&process, "", 503, "too_many_connections");
    assert_eq!(reply.header("retry-after"), "1");
    two.get_mut().write_all(get("/hello").replace("host", "connection: close\r\nhost").as_bytes()).unwrap();
    assert_eq!(read_reply(&mut two, false).status, 200);
    assert_eq!(rest(&mut two), b"");
    assert_eq!(exchange(process.address, get("/hello")).status, 200, "a free place is given away again");
}

#[test]
fn extremely_large_limits_are_harmless() {
    let most = u64::MAX.to_string();
    let process =
        start(&[("MAX_BODY_BYTES", &most), ("MAX_CONNECTIONS", &most), ("IDLE_TIMEOUT", "100years")]);
    let mut stream = send(process.address, post("/echo", "content-length: 9000000000000000000") + "one");
    process.get("/hello"); // its response comes after the service read the piece above
    stream.get_mut().write_all(b"two").unwrap();
    assert_eq!(process.get("/hello").status, 200, "what a client announces is not what is reserved");
}

#[test]
fn one_address_cannot_take_all_connections() {
    let process = start(&[("MAX_CONNECTIONS", "200")]);
    let mut held: Vec<_> = (0..100).map(|_| send(process.address, get("/hello"))).collect();
    for stream in &mut held {
        assert_eq!(read_reply(stream, false).status, 200);
    }
    assert_error(&process.get("/hello"), 503, "too_many_connections");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let other = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        socket.connect(process.address).await.unwrap().into_std().unwrap()
    });
    other.set_nonblocking(false).unwrap();
    other.set_read_timeout(Some(PATIENCE)).unwrap();
    (&other).write_all(get("/hello").as_bytes()).unwrap();
    assert_eq!(read_reply(&mut BufReader::new(other), false).status, 200, "another address");
    drop(held);
    process.log_until("\"status\":503");
    let until = Instant::now() + PATIENCE;
    while process.get("/hello").status != 200 {
        assert!(Instant::now() < until, "the address is not counted any more");
    }
    let behind = start(&[("MAX_CONNECTIONS", "200"), ("TRUSTED_PROXY_HOPS", "1")]);
    let mut held: Vec<_> = (0..150).map(|_| send(behind.address, get("/hello"))).collect();
    assert!(held.iter_mut().all(|stream| read_reply(stream, false).status == 200), "all are the proxy's");
}
