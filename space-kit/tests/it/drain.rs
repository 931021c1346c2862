//! The drain: from TERM to the end of the process.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;

use space_kit::testing::{Process, Stream, read_chunk, read_head, read_reply, rest, send};

use crate::support::{chunk, fields, get, post, probe, start};

/// A stream in flight that its own request's body feeds, so that the test can finish it while the service drains.
fn relay(process: &Process) -> Stream {
    let mut stream = send(process.address, post("/relay", "transfer-encoding: chunked") + &chunk("before"));
    assert_eq!(read_head(&mut stream).status, 200);
    assert_eq!(read_chunk(&mut stream).unwrap(), b"before");
    stream
}

fn terminate(process: &Process) {
    process.signal("TERM");
    process.log("\"draining\"");
}

#[test]
fn an_idle_service_stops_at_once_with_status_0() {
    for signal in ["TERM", "INT"] {
        let process = start(&[("DRAIN_TIMEOUT", "1h")]);
        process.signal(signal);
        let (status, lines) = process.wait();
        assert_eq!(status.code(), Some(0));
        let messages: Vec<_> = lines.iter().map(|line| fields(line)["message"].clone()).collect();
        assert_eq!(messages, ["draining", "stopped"], "{signal}");
        assert_eq!(fields(&lines[0])["signal"], signal);
    }
}

#[test]
fn an_idle_connection_does_not_delay_the_end() {
    let process = start(&[("DRAIN_TIMEOUT", "1h")]);
    let (mut fresh, mut kept) = (send(process.address, ""), send(process.address, get("/hello")));
    assert_eq!(read_reply(&mut kept, false).status, 200);
    assert_eq!(process.stop().0.code(), Some(0));
    assert_eq!((rest(&mut fresh), rest(&mut kept)), (vec![], vec![]));
}

#[test]
fn a_stream_in_flight_is_finished_before_the_end() {
    let process = start(&[("DRAIN_TIMEOUT", "1h")]);
    let mut stream = relay(&process);
    terminate(&process);
    for text in ["in", "the", "drain"] {
        stream.get_mut().write_all(chunk(text).as_bytes()).unwrap();
        assert_eq!(read_chunk(&mut stream).unwrap(), text.as_bytes());
    }
    stream.get_mut().write_all(chunk("").as_bytes()).unwrap();
    assert_eq!(read_chunk(&mut stream).unwrap(), b"", "the stream comes to its proper end");
    assert_eq!(rest(&mut stream), b"");
    let (status, lines) = process.wait();
    assert_eq!(status.code(), Some(0));
    assert_eq!(fields(lines.last().unwrap())["message"], "stopped");
    assert!(!lines.iter().any(|line| line.contains("aborted")), "{lines:#?}");
}

#[test]
fn a_request_in_flight_gets_its_response_and_its_connection_is_closed() {
    let process = start(&[("DRAIN_TIMEOUT", "1h")]);
    let mut stream = send(process.address, post("/echo", "expect: 100-continue\r\ncontent-length: 5"));
    assert_eq!(read_reply(&mut stream, false).status, 100, "the handler waits for the body");
    terminate(&process);
    stream.get_mut().write_all(b"hello").unwrap();
    let reply = read_reply(&mut stream, false);
    assert_eq!((reply.status, reply.text().as_str(), reply.header("connection")), (200, "hello", "close"));
    assert_eq!(process.wait().0.code(), Some(0));
}

#[test]
fn requests_that_arrived_before_term_get_responses_even_if_unread() {
    let process = start(&[("DRAIN_TIMEOUT", "1h")]);
    let mut kept = send(process.address, get("/hello"));
    assert_eq!(read_reply(&mut kept, false).status, 200);
    process.signal("STOP"); // from here on only the kernel receives
    kept.get_mut().write_all(get("/hello").as_bytes()).unwrap();
    let mut waiting = send(process.address, get("/hello"));
    process.signal("TERM");
    process.signal("CONT");
    for stream in [&mut kept, &mut waiting] {
        assert_eq!(read_reply(stream, false).status, 200);
        assert_eq!(rest(stream), b"");
    }
    assert_eq!(process.wait().0.code(), Some(0));
}

#[test]
fn a_draining_service_accepts_no_connections_and_closes_each_after_its_response() {
    let process = start(&[("DRAIN_TIMEOUT", "1h")]);
    let mut idle = send(process.address, get("/hello"));
    assert_eq!(read_reply(&mut idle, false).status, 200);
    let (mut hello, mut ready) = (send(process.address, "GET /hel"), send(process.address, "GET /health/re"));
    let mut held = relay(&process); // its response comes after the service read the half heads above
    terminate(&process);

    let refused = TcpStream::connect(process.address).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "so a proxy tries another replica");
    assert_eq!(rest(&mut idle), b"", "a kept-alive connection is closed when nothing comes");
    hello.get_mut().write_all(&get("lo").as_bytes()[4..]).unwrap();
    let answer = read_reply(&mut hello, false);
    assert_eq!((answer.status, answer.header("connection")), (200, "close"));
    ready.get_mut().write_all(&get("ady").as_bytes()[4..]).unwrap();
    let answer = read_reply(&mut ready, false);
    assert_eq!((answer.status, answer.json()["status"].as_str()), (503, Some("draining")));

    held.get_mut().write_all(chunk("").as_bytes()).unwrap();
    assert_eq!(process.wait().0.code(), Some(0));
}

#[test]
fn an_endless_stream_is_aborted_at_drain_timeout() {
    let process = start(&[("DRAIN_TIMEOUT", "200ms")]);
    let mut stream = relay(&process);
    process.signal("TERM");
    assert_eq!(read_chunk(&mut stream), None, "a cut answer does not look whole");
    let (status, lines) = process.wait();
    assert_eq!(status.code(), Some(0));
    let cut = lines.iter().map(|line| fields(line)).find(|line| line["message"] == "cut off").unwrap();
    assert_eq!((cut["reason"].as_str(), cut["in_flight"].as_u64()), (Some("DRAIN_TIMEOUT expired"), Some(1)));
    let request = fields(lines.last().unwrap());
    assert_eq!((request["path"].as_str(), request["status"].as_u64()), (Some("/relay"), Some(200)));
    assert_eq!(request["aborted"], "the response was not sent completely");
}

#[test]
fn a_second_signal_ends_the_drain_at_once() {
    for second in ["TERM", "INT"] {
        let process = start(&[("DRAIN_TIMEOUT", "1h")]);
        let mut stream = relay(&process);
        terminate(&process);
        process.signal(second);
        let (status, lines) = process.wait();
        assert_eq!(status.code(), Some(0));
        assert_eq!(fields(&lines[0])["reason"], "second signal");
        assert_eq!(read_chunk(&mut stream), None);
    }
}

#[test]
fn the_port_is_free_for_a_successor_as_soon_as_the_process_ended() {
    let process = start(&[]);
    let mut kept = send(process.address, get("/hello"));
    assert_eq!(read_reply(&mut kept, false).status, 200);
    let port = process.address.port().to_string();
    process.stop();
    let successor = Process::start(probe(), &[("PORT", &port)]);
    assert_eq!(successor.get("/hello").status, 200);
}
