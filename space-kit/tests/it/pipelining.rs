//! Several requests in one write.

use space_kit::testing::{read_reply, rest, send};

use crate::support::{assert_refused, get, post, start};

#[test]
fn pipelined_requests_are_answered_in_order() {
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
fn pipelined_bodies_are_told_apart() {
    let process = start(&[]);
    let one = post("/echo", "content-length: 3") + "one";
    let two = post("/echo", "transfer-encoding: chunked") + "3\r\ntwo\r\n0\r\n\r\n";
    let mut stream = send(process.address, one + &two + &get("/hello"));
    for text in ["one", "two", "\"hello\""] {
        assert_eq!(read_reply(&mut stream, false).text(), text);
    }
}

#[test]
fn a_malformed_request_behind_a_good_one_is_refused_after_the_good_ones_answer() {
    let process = start(&[]);
    let mut stream = send(process.address, get("/hello") + "no request at all\r\n\r\n");
    assert_eq!(read_reply(&mut stream, false).text(), "\"hello\"");
    assert_refused(&read_reply(&mut stream, false), 400, "bad_request");
    assert_eq!(rest(&mut stream), b"", "there is one refusal, and then the end");
}

#[test]
fn nothing_behind_a_refused_body_is_taken_for_a_request() {
    let process = start(&[("MAX_BODY_BYTES", "10")]);
    let hidden = get("/hello/hidden");
    let length = format!("content-length: {}", hidden.len());
    let mut stream = send(process.address, post("/echo", &length) + &hidden + &get("/hello/behind"));
    assert_refused(&read_reply(&mut stream, false), 413, "request_too_large");
    assert_eq!(rest(&mut stream), b"");
}

#[test]
fn a_head_answer_has_no_body_that_would_shift_the_next_answer() {
    let process = start(&[]);
    let mut stream = send(process.address, get("/hello").replace("GET", "HEAD") + &get("/hello/next"));
    assert_eq!(read_reply(&mut stream, true).header("content-length"), "7");
    assert_eq!(read_reply(&mut stream, false).json(), "next");
}
