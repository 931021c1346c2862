//! Pipelining: several requests in one write.

use space_kit::testing::{read_reply, rest, send};

use crate::support::{assert_error, get, post, start};

#[test]
fn pipelined_requests_get_responses_in_order() {
    let process = start(&[]);
    for count in [2, 20, 200] {
        let requests: String = (0..count).map(|n| get(&format!("/hello/{n}"))).collect();
        let mut stream = send(process.address, requests);
        for n in 0..count {
            assert_eq!(read_reply(&mut stream, false).json(), n.to_string());
        }
    }
}

#[test]
fn pipelined_bodies_are_separated() {
    let process = start(&[]);
    let one = post("/echo", "content-length: 3") + "one";
    let two = post("/echo", "transfer-encoding: chunked") + "3\r\ntwo\r\n0\r\n\r\n";
    let mut stream = send(process.address, one + &two + &get("/hello"));
    for text in ["one", "two", "\"hello\""] {
        assert_eq!(read_reply(&mut stream, false).text(), text);
    }
}

#[test]
fn a_malformed_request_after_a_valid_one_gets_its_error_second() {
    let process = start(&[]);
    let mut stream = send(process.address, get("/hello") + "no request at all\r\n\r\n");
    assert_eq!(read_reply(&mut stream, false).text(), "\"hello\"");
    assert_error(&read_reply(&mut stream, false), 400, "bad_request");
    assert_eq!(rest(&mut stream), b"", "there is one error, and then the end");
}

#[test]
fn bytes_after_a_rejected_body_are_not_parsed_as_a_request() {
    let process = start(&[("MAX_BODY_BYTES", "10")]);
    let hidden = get("/hello/hidden");
    let length = format!("content-length: {}", hidden.len());
    let mut stream = send(process.address, post("/echo", &length) + &hidden + &get("/hello/behind"));
    assert_error(&read_reply(&mut stream, false), 413, "request_too_large");
    assert_eq!(rest(&mut stream), b"");
}

#[test]
fn a_response_to_head_has_no_body_before_the_next_response() {
    let process = start(&[]);
    let mut stream = send(process.address, get("/hello").replace("GET", "HEAD") + &get("/hello/next"));
    assert_eq!(read_reply(&mut stream, true).header("content-length"), "7");
    assert_eq!(read_reply(&mut stream, false).json(), "next");
}
