//! Limits of the gateway: rate, slots and memory.

use std::time::Instant;

use serde_json::json;
use space_kit::testing::{PATIENCE, Process, read_head, read_reply, send};

use crate::chat;
use crate::fake::{Fake, completion, until_closed};
use crate::support::{before, error_of, question};

#[test]
fn a_request_over_the_rate_limit_is_429_with_retry_after() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[("RATE_LIMIT", "2/min")]);
    let reply = chat(&service, &question(json!({})));
    assert_eq!((reply.status, reply.header("x-ratelimit-remaining-requests")), (200, "1"));
    assert_eq!(reply.header("ratelimit-policy"), "\"api\";q=2;w=60");
    chat(&service, &question(json!({})));
    let reply = chat(&service, &question(json!({})));
    assert_eq!(error_of(&reply), (429, "rate_limit_exceeded".to_owned()));
    assert_eq!((reply.header("retry-after"), reply.header("retry-after-ms")), ("30", "30000"));
    assert_eq!(fake.count(), 2);
    assert_eq!(service.get("/health").status, 200, "health is not counted");
}

#[test]
fn each_key_has_its_own_rate_limit() {
    let fake = Fake::json(completion("hello"));
    let keys = "a:aaaaaaaaaaaaaaaaaaaaaaaa,b:bbbbbbbbbbbbbbbbbbbbbbbb";
    let service = before(&fake, &[("RATE_LIMIT", "1/h"), ("API_KEYS", keys)]);
    let ask = |key: &str| {
        let headers = [("x-api-key", key)];
        service.request("POST", "/v1/chat/completions", &headers, &question(json!({})).to_string()).status
    };
    let (a, b) = ("a".repeat(24), "b".repeat(24));
    assert_eq!([ask(&a), ask(&a), ask(&b), ask(&b)], [200, 429, 200, 429]);
}

#[test]
fn an_error_has_the_rate_limit_headers_too() {
    let fake = Fake::start(|_, stream| crate::fake::json_answer(stream, 400, "", "{}"));
    let service = before(&fake, &[("RATE_LIMIT", "9/min")]);
    assert_eq!(chat(&service, &question(json!({}))).header("x-ratelimit-remaining-requests"), "8");
}

#[test]
fn without_a_free_slot_a_request_waits_briefly_and_then_gets_429() {
    let fake = Fake::start(|_, stream| until_closed(stream));
    let env = [("MAX_CONCURRENT", "1"), ("QUEUE_LENGTH", "1"), ("QUEUE_TIMEOUT", "100ms")];
    let service = before(&fake, &env);
    let body = question(json!({})).to_string();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _first = send(service.address, &request);
    fake.next();
    let mut waiting = send(service.address, &request);
    let reply = read_head(&mut waiting);
    assert_eq!((reply.status, reply.header("retry-after")), (429, "1"));
    assert_eq!(fake.count(), 1);
}

/// Begins a request with a body of this length.
fn announce(service: &Process, length: usize, begin: &str) -> space_kit::testing::Stream {
    let head = format!("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n");
    send(service.address, head + begin)
}

fn wait_for_body_bytes(service: &Process, bytes: usize) {
    let line = format!("\ngateway_body_bytes {bytes}\n");
    let until = Instant::now() + PATIENCE;
    while !service.get("/metrics").text().contains(&line) {
        assert!(Instant::now() < until, "gateway_body_bytes never was {bytes}");
    }
}

#[test]
fn a_body_beyond_the_memory_for_bodies_gets_429() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[("BODY_MEMORY", "2000000"), ("MAX_BODY_BYTES", "800000")]);
    let held = announce(&service, 800_000, &"x".repeat(799_999));
    wait_for_body_bytes(&service, 800_000);
    let reply = chat(&service, &question(json!({"user": "x".repeat(500_000)})));
    assert_eq!(error_of(&reply), (429, "overloaded".to_owned()));
    drop(held);
    service.log("\"status\":400");
    let reply = chat(&service, &question(json!({"user": "x".repeat(500_000)})));
    assert_eq!(reply.status, 200);
    let reply = chat(&service, &question(json!({"user": "x".repeat(800_000)})));
    assert_eq!(error_of(&reply), (413, "request_too_large".to_owned()));
}

#[test]
fn an_announced_body_uses_no_memory_before_it_arrives() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[("BODY_MEMORY", "2000000"), ("MAX_BODY_BYTES", "800000")]);
    let _held: Vec<_> = (0..4).map(|_| announce(&service, 800_000, "{")).collect();
    wait_for_body_bytes(&service, 4 * 2); // each buffer has room for twice of what has arrived
    assert_eq!(chat(&service, &question(json!({"user": "x".repeat(700_000)}))).status, 200);
}

#[test]
fn without_an_access_rule_no_long_body_is_read() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[("UPSTREAM_API_KEYS", "sk-upstream")]);
    let mut long = announce(&service, 64 * 1024 + 1, "");
    assert_eq!(error_of(&read_reply(&mut long, false)), (401, "access_not_configured".to_owned()));
    let endless = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut chunked = send(service.address, format!("{endless}20000\r\n{}", " ".repeat(0x20000)));
    assert_eq!(error_of(&read_reply(&mut chunked, false)), (413, "request_too_large".to_owned()));
}

#[test]
fn without_an_access_rule_an_agents_request_reaches_the_demo_model_and_long_ones_leave_room() {
    let fake = Fake::json(completion("hello"));
    let of_agent = json!({"model": "demo", "max_tokens": 9, "system": "x".repeat(80_000), "input": "hi",
        "messages": [{"role": "user", "content": "hi"}]})
    .to_string();
    for path in ["/v1/responses", "/v1/messages"] {
        let service = before(
            &fake,
            &[("UPSTREAM_API_KEYS", "sk-upstream"), ("BODY_MEMORY", "2000000"), ("MAX_BODY_BYTES", "800000")],
        );
        let announced = |length: usize, sent: &str| {
            let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
            send(service.address, head + sent)
        };
        assert_eq!(service.request("POST", path, &[], &of_agent).status, 200);
        let reply = read_reply(&mut announced(256 * 1024 + 1, ""), false);
        assert_eq!(reply.status, 401);
        let slow: Vec<_> = (0..16).map(|_| announced(256 * 1024, &" ".repeat(250_000))).collect();
        service.log("\"status\":429"); // the caller's share is in use
        assert_eq!(chat(&service, &question(json!({"model": "demo"}))).status, 200);
        drop(slow);
    }
}

/// A line of the process's status, in KiB.
fn memory(service: &Process, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

#[test]
fn a_long_body_is_held_once_and_released() {
    const KIB: u64 = 16 * 1024;
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[]);
    assert_eq!(chat(&service, &question(json!({}))).status, 200);
    let before = memory(&service, "VmRSS:");
    let long = question(json!({"user": "x".repeat(1024 * KIB as usize)}));
    for _ in 0..2 {
        assert_eq!(chat(&service, &long).status, 200);
    }
    let (most, after) = (memory(&service, "VmHWM:"), memory(&service, "VmRSS:"));
    assert!(most < before + KIB + KIB / 2, "{before} KiB before, {most} at most");
    assert!(after < before + KIB / 2, "{before} KiB before, {after} after");
}

#[test]
fn one_address_cannot_take_the_slots_from_another() {
    let fake = Fake::start(|_, stream| until_closed(stream));
    let env = [("MAX_CONCURRENT", "200"), ("QUEUE_LENGTH", "0"), ("TRUSTED_PROXY_HOPS", "1")];
    let service = before(&fake, &env);
    let body = question(json!({})).to_string();
    let ask = |from: &str| {
        let length = body.len();
        send(
            service.address,
            format!(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-forwarded-for: {from}\r\ncontent-length: {length}\r\n\r\n{body}"
            ),
        )
    };
    let _held: Vec<_> = (0..100).map(|_| ask("6.6.6.6")).collect();
    for _ in 0..100 {
        fake.next();
    }
    let refused = read_reply(&mut ask("6.6.6.6"), false);
    assert_eq!(error_of(&refused), (429, "overloaded".to_owned()));
    assert_eq!(refused.header("retry-after"), "5");
    let _other = ask("7.7.7.7");
    fake.next();
}
