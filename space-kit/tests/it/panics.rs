//! A panic ends only its request.

use std::io::Write;

use space_kit::testing::{read_chunk, read_head, read_reply, rest, send};

use crate::support::{assert_error, fields, get, metric, start};

#[test]
fn a_panic_is_one_500_while_another_request_streams_on() {
    let process = start(&[]);
    let mut stream = send(process.address, get("/stream"));
    assert_eq!(read_head(&mut stream).status, 200);
    assert_eq!(read_chunk(&mut stream).unwrap(), b"first\n");
    for path in ["/panic", "/panic/later"] {
        assert_error(&process.get(path), 500, "internal_error");
    }
    assert!(!process.get("/panic/body").whole);
    assert_eq!(process.request("POST", "/release", &[], "").status, 204);
    assert_eq!(read_chunk(&mut stream).unwrap(), b"last\n");
    assert_eq!(read_chunk(&mut stream).unwrap(), b"", "the stream comes to its proper end");
    let text = process.get("/metrics").text();
    assert_eq!(metric(&text, "panics_total"), 3);
    assert_eq!(metric(&text, "http_requests_in_flight"), 1, "the scrape itself");
}

#[test]
fn a_panic_before_the_response_keeps_its_connection() {
    let process = start(&[]);
    let mut stream = send(process.address, "");
    for path in ["/panic", "/panic/later"] {
        stream.get_mut().write_all(get(path).as_bytes()).unwrap();
        assert_eq!(read_reply(&mut stream, false).status, 500);
    }
    stream.get_mut().write_all(get("/hello").as_bytes()).unwrap();
    assert_eq!(read_reply(&mut stream, false).text(), "\"hello\"");
}

#[test]
fn a_panic_in_the_body_sends_the_produced_part_and_aborts_the_connection() {
    let process = start(&[]);
    let mut stream = send(process.address, get("/panic/body"));
    let reply = read_reply(&mut stream, false);
    assert_eq!((reply.status, reply.text().as_str(), reply.whole), (200, "first\n", false));
    assert_eq!(rest(&mut stream), b"");
    let line = fields(&process.log("/panic/body"));
    assert_eq!(line["cause"], "panic: in the body");
    assert_eq!(line["aborted"], "the response was not sent completely");
}

#[test]
fn place_and_cause_of_a_panic_are_only_in_the_log() {
    let process = start(&[]);
    let reply = process.get("/panic");
    assert!(!reply.text().contains("at once"), "{}", reply.text());
    let panic = fields(&process.log("\"panic\""));
    assert_eq!((panic["level"].as_str(), panic["cause"].as_str()), (Some("error"), Some("at once")));
    assert!(panic["place"].as_str().unwrap().contains("probe.rs:"), "{panic}");
    let request = fields(&process.log("\"request\""));
    assert_eq!(
        (request["level"].as_str(), request["cause"].as_str()),
        (Some("warn"), Some("panic: at once"))
    );
    assert_eq!(request["request_id"], reply.header("x-request-id"));
}
