//! How a stream ends: cleanly, or with an error.

use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use serde_json::{Value, json};
use space_kit::testing::{Process, read_chunk, read_head};

use crate::chat;
use crate::fake::{Fake, GOOD, HELLO, STOP, USAGE, begin_events, chunk, end, until_closed, write};
use crate::streaming::through;
use crate::support::{assert_clean, assert_cut, before, begin, question, streamed};

const EVENTS: &str = "content-type: text/event-stream\r\n";

#[test]
fn the_body_ends_with_done_even_if_the_upstream_keeps_the_socket_open() {
    let fake = Fake::start(|_, stream| {
        begin_events(stream);
        GOOD.iter().for_each(|event| chunk(stream, event));
        until_closed(stream)
    });
    assert_clean(&chat(&before(&fake, &[]), &streamed()), "hello");
}

#[test]
fn little_is_read_after_done() {
    let (go_on, may_go_on) = channel();
    let fake = Fake::start(move |_, stream| {
        begin_events(stream);
        GOOD.iter().for_each(|event| chunk(stream, event));
        let junk = [b"100000\r\n", &[b'x'; 1 << 20][..], b"\r\n"].concat();
        let more = |_: &usize| stream.write_all(&junk).is_ok();
        _ = go_on.send((0..1_000).take_while(more).count());
        false
    });
    let service = before(&fake, &[]);
    assert_clean(&chat(&service, &streamed()), "hello");
    let megabytes = may_go_on.recv().unwrap();
    assert!(megabytes < 30, "{megabytes} MiB is more than the buffers of the system hold");
}

#[test]
fn a_response_with_a_finish_reason_needs_no_done() {
    assert_clean(&through(&[HELLO.as_bytes(), STOP.as_bytes()]), "hello");
    // The last event may lack its empty line, and the body its last chunk.
    assert_clean(&through(&[HELLO.as_bytes(), STOP.trim_end().as_bytes()]), "hello");
    let fake = Fake::start(|_, stream| {
        begin_events(stream);
        chunk(stream, HELLO);
        chunk(stream, STOP);
        false
    });
    assert_clean(&chat(&before(&fake, &[]), &streamed()), "hello");
}

#[test]
fn a_finished_response_ends_even_if_the_upstream_keeps_the_socket_open() {
    let fake = Fake::start(|_, stream| {
        begin_events(stream);
        chunk(stream, HELLO);
        chunk(stream, STOP);
        until_closed(stream)
    });
    assert_clean(&chat(&before(&fake, &[("EVENT_TIMEOUT", "500ms")]), &streamed()), "hello");
    assert_eq!(fake.closed(), 0);
}

/// An upstream that streams the first part and, after a message on the channel, the rest.
pub(crate) fn in_two_parts(parts: [&'static [&'static str]; 2]) -> (Fake, Sender<()>) {
    let (go_on, may_go_on) = channel();
    let may_go_on = Mutex::new(may_go_on);
    let fake = Fake::start(move |_, stream| {
        begin_events(stream);
        parts[0].iter().for_each(|event| chunk(stream, event));
        if may_go_on.lock().unwrap().recv().is_err() {
            return false;
        }
        parts[1].iter().for_each(|event| chunk(stream, event));
        end(stream)
    });
    (fake, go_on)
}

/// The stream that a client receives. After three heartbeats the upstream continues.
fn after_three_heartbeats(service: &Process, body: &Value, go_on: Sender<()>) -> String {
    let (mut stream, mut go_on) = (begin(service, body), Some(go_on));
    assert_eq!(read_head(&mut stream).status, 200);
    let mut text = String::new();
    while let Some(chunk) = read_chunk(&mut stream).filter(|chunk| !chunk.is_empty()) {
        text += std::str::from_utf8(&chunk).unwrap();
        if text.matches(": keep-alive").count() == 3 {
            _ = go_on.take().map(|go_on| go_on.send(()));
        }
    }
    text
}

#[test]
fn a_finish_reason_is_no_proof_of_the_end() {
    let (fake, go_on) = in_two_parts([&[HELLO, STOP], &[TOOL, STOP, "data: [DONE]\n\n"]]);
    let service = before(&fake, &[("HEARTBEAT", "1s")]);
    let text = after_three_heartbeats(&service, &streamed(), go_on);
    assert!(text.contains(TOOL) && text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[test]
fn content_after_a_finish_reason_needs_another_one() {
    assert_clean(
        &through(&[HELLO.as_bytes(), STOP.as_bytes(), HELLO.as_bytes(), STOP.as_bytes()]),
        "hellohello",
    );
    assert_cut(&through(&[HELLO.as_bytes(), STOP.as_bytes(), TOOL.as_bytes()]), "upstream_error");
}

const TOOL: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":1}]}}]}\n\n";

const SECOND: &str = "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"too\"}}]}\n\n";

const SECOND_STOP: &str = "data: {\"choices\":[{\"index\":1,\"finish_reason\":\"stop\"}]}\n\n";

#[test]
fn a_response_with_several_choices_is_finished_when_each_choice_is() {
    let (fake, go_on) = in_two_parts([&[HELLO, SECOND, STOP], &[SECOND_STOP]]);
    let service = before(&fake, &[("HEARTBEAT", "1s")]);
    let text = after_three_heartbeats(&service, &question(json!({"stream": true, "n": 2})), go_on);
    assert!(text.contains(SECOND_STOP) && text.ends_with("data: [DONE]\n\n"), "{text}");
    for events in [&[HELLO, SECOND, STOP][..], &[HELLO, STOP]] {
        let fake = Fake::events(events);
        let reply = chat(&before(&fake, &[]), &question(json!({"stream": true, "n": 2})));
        assert_cut(&reply, "upstream_error");
    }
}

#[test]
fn the_usage_is_waited_for_if_the_client_requested_it() {
    let (fake, go_on) = in_two_parts([&[HELLO, STOP], &[USAGE]]);
    let service = before(&fake, &[("HEARTBEAT", "1s")]);
    let asked = question(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let text = after_three_heartbeats(&service, &asked, go_on);
    assert!(text.contains(USAGE) && text.ends_with("data: [DONE]\n\n"), "{text}");
}

#[test]
fn an_end_without_a_finish_reason_is_an_error() {
    assert_cut(&through(&[HELLO.as_bytes()]), "upstream_error");
    assert_cut(&through(&[HELLO.as_bytes(), b"data: {\"choices\":[{\"delta\":{}}]"]), "upstream_error");
}

#[test]
fn a_body_without_framing_is_read_to_its_end() {
    let fake = Fake::start(|_, stream| {
        write(stream, format!("HTTP/1.1 200 OK\r\n{EVENTS}\r\n"));
        GOOD.iter().for_each(|event| write(stream, event));
        false
    });
    assert_clean(&chat(&before(&fake, &[]), &streamed()), "hello");
}

#[test]
fn a_stream_of_responses_or_messages_ends_cleanly_after_its_terminal_event() {
    for (path, last) in [("/v1/responses", "response.completed"), ("/v1/messages", "message_stop")] {
        for left_open in [true, false] {
            let fake = Fake::start(move |_, stream| {
                begin_events(stream);
                chunk(stream, format!("event: {last}\ndata: {{}}\n\n"));
                left_open && until_closed(stream)
            });
            let service = before(&fake, &[("EVENT_TIMEOUT", "1min")]);
            let reply = service.request("POST", path, &[], r#"{"model":"m","stream":true}"#);
            assert!(reply.whole && reply.text().ends_with("data: {}\n\n"), "{}", reply.text());
        }
    }
}
