//! A panic restarts the process. Its own request gets a 500 if nothing was sent yet; other connections are reset.

use std::io::{ErrorKind, Read};

use space_kit::testing::{Process, Stream, read_chunk, read_head, read_reply, rest, send};

use crate::support::{fields, get, metric, post, start};

/// Fails unless the connection ends by a reset.
#[track_caller]
pub(crate) fn assert_reset(stream: &mut Stream) {
    let mut rest = Vec::new();
    let end = stream.read_to_end(&mut rest);
    assert_eq!(end.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset), "{rest:?}");
}

/// The number of restarts that `/health` reports, once the process serves again.
#[track_caller]
pub(crate) fn assert_restarted(process: &Process, times: u64, cause: &str) {
    let health = process.get("/health").json();
    assert_eq!(health["restarts"]["count"], times, "{health}");
    assert_eq!(health["restarts"]["last"]["cause"], cause, "{health}");
    assert!(health["restarts"]["last"]["unix_seconds"].as_u64() > Some(1_700_000_000), "{health}");
}

#[test]
fn a_request_that_panics_before_its_response_gets_a_500_and_its_connection_is_closed() {
    let process = start(&[]);
    for (path, times) in [("/panic", 1), ("/panic/later", 2)] {
        let reply = process.get(path);
        assert_eq!((reply.status, reply.header("connection")), (500, "close"));
        assert_eq!(reply.json()["code"], "internal_error");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_restarted(&process, times, "panic");
    }
    let text = process.get("/metrics").text();
    assert_eq!(metric(&text, r#"space_restarts_total{cause="panic"}"#), 2);
    assert_eq!(metric(&text, r#"space_restarts_total{cause="SEGV"}"#), 0);
}

#[test]
fn a_head_request_that_panics_gets_no_body() {
    let process = start(&[]);
    let reply = process.request("HEAD", "/panic", &[], "");
    assert_eq!((reply.status, reply.body.len()), (500, 0));
}

#[test]
fn other_streams_are_reset_when_a_request_panics() {
    let process = start(&[]);
    let mut stream = send(process.address, get("/stream"));
    assert_eq!(read_head(&mut stream).status, 200);
    assert_eq!(read_chunk(&mut stream).unwrap(), b"first\n");
    assert_eq!(process.get("/panic").status, 500);
    assert_reset(&mut stream);
}

#[test]
fn a_panic_after_the_head_was_sent_resets_the_connection_even_over_http_1_0() {
    let process = start(&[]);
    for version in ["1.1", "1.0"] {
        let request = format!("GET /panic/body HTTP/{version}\r\nhost: probe\r\n\r\n");
        let mut stream = send(process.address, request);
        assert_reset(&mut stream);
    }
}

#[test]
fn a_panic_with_the_body_unread_resets_the_connection() {
    let process = start(&[]);
    let mut stream = send(process.address, post("/panic/unread", "content-length: 5"));
    assert_reset(&mut stream);
}

#[test]
fn a_panic_with_another_request_pipelined_answers_only_its_own_request() {
    let process = start(&[]);
    let mut stream = send(process.address, get("/panic") + &get("/hello"));
    let reply = read_reply(&mut stream, false);
    assert_eq!((reply.status, reply.header("connection")), (500, "close"));
    assert_eq!(rest(&mut stream), b"", "a client may send the second request again");
}

#[test]
fn a_panic_in_a_background_task_belongs_to_no_request() {
    let process = start(&[]);
    let mut kept = send(process.address, get("/panic/background"));
    _ = read_reply(&mut kept, false);
    let line = fields(&process.log("in the background"));
    assert_eq!((line["request_id"].as_str(), line["client"].as_str()), (None, None), "{line}");
    assert_restarted(&process, 1, "panic");
}

#[test]
fn the_operator_learns_place_cause_and_request_and_the_client_only_the_request() {
    let process = start(&[]);
    let reply = process.get("/panic");
    assert!(!reply.text().contains("at once"), "{}", reply.text());
    let panic = fields(&process.log("\"panic\""));
    assert_eq!((panic["level"].as_str(), panic["cause"].as_str()), (Some("error"), Some("at once")));
    assert!(panic["place"].as_str().unwrap().contains("probe.rs:"), "{panic}");
    assert_eq!(panic["client"], "127.0.0.1");
    assert_eq!(panic["request_id"], reply.header("x-request-id"));
}
