//! Clients that disconnect before the end of their response.

use std::io::Write;

use space_kit::testing::{Process, read_chunk, read_head, send};

use crate::support::{chunk, fields, get, metric, post, start};

#[track_caller]
fn assert_nothing_is_in_flight(process: &Process) {
    let text = process.get("/metrics").text();
    assert_eq!(metric(&text, "space_http_requests_in_flight"), 1, "the scrape itself\n{text}");
    assert_eq!(metric(&text, "space_http_connections"), 1, "the scrape itself\n{text}");
}

#[test]
fn a_disconnect_cancels_the_handler_and_is_logged_as_499() {
    let process = start(&[("REQUEST_TIMEOUT", "1h")]);
    let stream = send(process.address, get("/hang"));
    process.get("/hello"); // its response comes after the request above has begun
    drop(stream);
    let line = fields(&process.log("/hang"));
    assert_eq!((line["status"].as_u64(), line["bytes"].as_u64()), (Some(499), Some(0)));
    assert_nothing_is_in_flight(&process);
}

#[test]
fn a_disconnect_ends_a_stream() {
    let process = start(&[]);
    let mut stream = send(process.address, get("/stream"));
    read_head(&mut stream);
    read_chunk(&mut stream).unwrap();
    drop(stream);
    let line = fields(&process.log("/stream"));
    assert_eq!((line["status"].as_u64(), line["bytes"].as_u64()), (Some(200), Some(6)));
    assert_eq!(line["aborted"], "the response was not sent completely");
    assert_nothing_is_in_flight(&process);
}

#[test]
fn a_disconnect_ends_an_endless_stream() {
    let process = start(&[]);
    let mut stream = send(process.address, get("/endless"));
    read_head(&mut stream);
    drop(stream);
    assert_eq!(fields(&process.log("/endless"))["status"], 200);
    assert_nothing_is_in_flight(&process);
}

#[test]
fn a_body_that_breaks_off_ends_its_handler() {
    let process = start(&[]);
    let mut stream = send(process.address, post("/relay", "transfer-encoding: chunked") + &chunk("one"));
    read_head(&mut stream);
    read_chunk(&mut stream).unwrap();
    stream.get_mut().write_all(b"5\r\ntw").unwrap();
    drop(stream);
    assert_eq!(fields(&process.log("/relay"))["aborted"], "the response was not sent completely");
    assert_nothing_is_in_flight(&process);
}

#[test]
fn a_half_sent_head_does_not_count_as_a_request() {
    let process = start(&[("LOG_LEVEL", "debug")]);
    drop(send(process.address, "GET /hel"));
    process.log("connection failed");
    let text = process.get("/metrics").text();
    assert_eq!(metric(&text, "space_http_connections"), 1, "the scrape itself");
    assert!(!text.contains("space_http_requests_total{"), "{text}");
}
