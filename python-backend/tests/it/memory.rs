//! Memory for what requests hold: no caller takes it from the others, and no answer exceeds it.

use std::time::Instant;

use serde_json::json;
use space_kit::testing::{PATIENCE, Process, Stream, read_head, read_reply, send};

use crate::chat;
use crate::fake::{Fake, begin_events, chunk, completion, end, json_answer};
use crate::support::{assert_cut, before, error_of, events, question, streamed};

const MIB: usize = 1 << 20;

/// Waits until a gauge has this value.
fn wait_for(service: &Process, gauge: &str, bytes: usize) {
    let line = format!("\n{gauge} {bytes}\n");
    let until = Instant::now() + PATIENCE;
    while !service.get("/metrics").text().contains(&line) {
        assert!(Instant::now() < until, "{gauge} never was {bytes}");
    }
}

/// The head of a POST from this address.
fn post(path: &str, from: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: a\r\nx-forwarded-for: {from}\r\ncontent-length: {length}\r\n\r\n")
}

/// Sends a request from an address.
fn ask(service: &Process, path: &str, from: &str, body: &str) -> Stream {
    send(service.address, post(path, from, body.len()) + body)
}

const BEHIND_A_PROXY: (&str, &str) = ("TRUSTED_PROXY_HOPS", "1");

#[test]
fn one_address_cannot_take_the_memory_for_bodies_from_another() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[BEHIND_A_PROXY, ("BODY_MEMORY", "64MiB")]);
    let mut held = Vec::new();
    for (length, used) in [(20, 20), (20, 20), (4, 24), (4, 28)] {
        let begin = " ".repeat(length * MIB - 20);
        held.push(send(service.address, post("/v1/chat/completions", "6.6.6.6", length * MIB) + &begin));
        wait_for(&service, "gateway_body_bytes", used * MIB);
    }
    let refused = read_reply(&mut held.remove(1), false);
    assert_eq!(error_of(&refused), (429, "overloaded".to_owned()));
    assert_eq!((refused.header("retry-after"), refused.header("connection")), ("1", "close"));
    for length in [10, 60_000, 9 * MIB] {
        let body = question(json!({"user": "x".repeat(length)})).to_string();
        let reply = read_reply(&mut ask(&service, "/v1/chat/completions", "7.7.7.7", &body), false);
        assert_eq!(reply.status, 200, "{length} bytes from another address: {}", reply.text());
    }
    drop(held);
    wait_for(&service, "gateway_body_bytes", 0);
}

/// An upstream whose answer has about this many bytes.
fn long_answers(length: usize) -> Fake {
    Fake::start(move |_, stream| json_answer(stream, 200, "", &completion(&"x".repeat(length)).to_string()))
}

#[test]
fn responses_that_nobody_reads_are_held_within_the_memory_for_them() {
    let fake = long_answers(10 * MIB);
    let service = before(&fake, &[BEHIND_A_PROXY, ("ANSWER_MEMORY", "64MiB")]);
    let body = question(json!({})).to_string();
    let chat = |from| ask(&service, "/v1/chat/completions", from, &body);
    let (mut slow, mut refused) = (Vec::new(), 0);
    for _ in 0..6 {
        let mut reader = chat("6.6.6.6");
        let head = read_head(&mut reader);
        match head.status {
            200 => slow.push(reader),
            status => {
                assert_eq!((status, head.header("retry-after")), (429, "1"));
                refused += 1;
            }
        }
    }
    assert_eq!((slow.len(), refused), (2, 4), "half of 56 MiB");
    assert_eq!(read_reply(&mut chat("7.7.7.7"), false).status, 200, "another caller");
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < (64 + 16) << 10, "{peak} KiB");
    drop(slow);
    wait_for(&service, "gateway_answer_bytes", 0);
    assert_eq!(
        read_reply(&mut chat("6.6.6.6"), false).body.len(),
        completion(&"x".repeat(10 * MIB)).to_string().len()
    );
}

#[test]
fn an_answer_longer_than_the_memory_for_it_is_a_502_that_names_no_retry() {
    let fake = long_answers(4 * MIB);
    let service = before(&fake, &[("ANSWER_MEMORY", "4MiB")]);
    let reply = chat(&service, &question(json!({})));
    assert_eq!((reply.status, reply.header("retry-after"), fake.count()), (502, "", 1));
    assert!(service.log("ANSWER_MEMORY").contains("\"status\":502"));
}

#[test]
fn embeddings_in_base64_are_held_within_the_memory_for_them() {
    let numbers = "1,".repeat(MIB / 2);
    let body = format!(r#"{{"data":[{{"embedding":[{}0]}}]}}"#, numbers);
    let fake = Fake::start(move |_, stream| json_answer(stream, 200, "", &body));
    let base64 = json!({"model": "m", "input": "a", "encoding_format": "base64"}).to_string();
    let ask = |memory| {
        let service = before(&fake, &[("ANSWER_MEMORY", memory)]);
        let reply = service.request("POST", "/v1/embeddings", &[], &base64);
        wait_for(&service, "gateway_answer_bytes", 0);
        reply
    };
    assert_eq!(error_of(&ask("4MiB")), (502, "upstream_error".to_owned()), "1 MiB becomes 2.7 MiB");
    let reply = ask("16MiB");
    assert_eq!(reply.status, 200);
    let text = reply.json()["data"][0]["embedding"].as_str().unwrap().len();
    assert_eq!(text, (4 * (MIB / 2 + 1)).div_ceil(3) * 4);
}

#[test]
fn a_long_event_is_held_within_the_memory_for_answers() {
    let fake = Fake::start(|_, stream| {
        begin_events(stream);
        chunk(stream, crate::fake::HELLO);
        let text = "x".repeat(2 * MIB);
        chunk(
            stream,
            format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"),
        );
        crate::fake::GOOD.iter().for_each(|event| chunk(stream, event));
        end(stream)
    });
    let service = before(&fake, &[("ANSWER_MEMORY", "2MiB")]);
    assert_cut(&chat(&service, &streamed()), "upstream_error");
    let service = before(&fake, &[("ANSWER_MEMORY", "16MiB")]);
    let reply = chat(&service, &streamed());
    assert_eq!(events(&reply).last().map(String::as_str), Some("[DONE]"));
    wait_for(&service, "gateway_answer_bytes", 0);
}

#[test]
fn a_translated_stream_counts_the_text_that_its_end_repeats() {
    let fake = Fake::start(|_, stream| {
        begin_events(stream);
        let text = "x".repeat(32 << 10);
        for _ in 0..40 {
            chunk(
                stream,
                format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n"),
            );
        }
        crate::fake::GOOD.iter().for_each(|event| chunk(stream, event));
        end(stream)
    });
    let body = question(json!({"stream": true, "input": "hi"})).to_string();
    let ask = |memory, path| {
        let env = [("UPSTREAM_API", "chat"), ("ANSWER_MEMORY", memory)];
        let service = before(&fake, &env);
        let reply = service.request("POST", path, &[], &body);
        wait_for(&service, "gateway_answer_bytes", 0);
        reply
    };
    let reply = ask("2MiB", "/v1/responses");
    let last = reply.text().rsplit("event: ").next().unwrap().to_owned();
    assert!(!reply.whole && last.starts_with("response.failed\n"), "{last}");
    assert!(last.contains("too long for this service"), "{last}");
    let reply = ask("16MiB", "/v1/responses");
    assert!(reply.whole && reply.text().contains("event: response.completed"));
    let reply = ask("2MiB", "/v1/messages");
    assert!(
        reply.whole && reply.text().ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
    );
}

#[test]
fn a_translated_response_is_held_with_its_own_length() {
    let fake = long_answers(10 * MIB);
    let env = [BEHIND_A_PROXY, ("UPSTREAM_API", "chat"), ("ANSWER_LIMIT", "16MiB")];
    let service = before(&fake, &env);
    let body = question(json!({"input": "hi"})).to_string();
    let mut slow = ask(&service, "/v1/responses", "6.6.6.6", &body);
    let length: usize = read_head(&mut slow).header("content-length").parse().unwrap();
    wait_for(&service, "gateway_answer_bytes", length);
    drop(slow);
    wait_for(&service, "gateway_answer_bytes", 0);
}
