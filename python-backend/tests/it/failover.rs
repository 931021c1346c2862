//! Sixteen faults of a provider, each as one scenario: what the client sees, and what the upstreams see.

use std::net::TcpListener;
use std::time::Instant;

use serde_json::json;
use space_kit::testing::Process;

use crate::chat;
use crate::fake::{Fake, GOOD, HELLO, begin_events, chunk, completion, json_answer, until_closed, write};
use crate::support::{assert_clean, assert_cut, before, before_all, error_of, question, streamed};

/// An upstream that rejects every request with this status.
pub(crate) fn rejecting(status: u16, headers: &'static str, body: &'static str) -> Fake {
    Fake::start(move |_, stream| json_answer(stream, status, headers, body))
}

/// An upstream that rejects the first `times` requests and then answers.
fn recovering(times: usize, status: u16, headers: &'static str) -> Fake {
    Fake::start(move |seen, stream| match seen.number < times {
        true => json_answer(stream, status, headers, r#"{"error":"busy"}"#),
        false => json_answer(stream, 200, "", &completion("hello").to_string()),
    })
}

pub(crate) fn good() -> Fake {
    Fake::json(completion("from the second"))
}

#[track_caller]
pub(crate) fn assert_second(service: &Process) {
    let reply = chat(service, &question(json!({})));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json(), completion("from the second"));
}

#[test]
fn s01_a_temporary_failure_is_retried() {
    let fake = recovering(1, 500, "");
    assert_eq!(chat(&before(&fake, &[]), &question(json!({}))).status, 200);
    assert_eq!(fake.count(), 2);
}

#[test]
fn s02_a_failing_upstream_is_left_for_the_next_at_once() {
    let (first, second) = (rejecting(500, "", r#"{"error":{"message":"boom"}}"#), good());
    assert_second(&before_all(&[&first, &second], &[]));
    assert_eq!((first.count(), second.count()), (1, 1));
}

#[test]
fn s03_an_overloaded_upstream_is_left_for_the_next() {
    let (first, second) = (rejecting(429, "retry-after: 30\r\n", r#"{"error":"slow down"}"#), good());
    assert_second(&before_all(&[&first, &second], &[]));
    assert_eq!(first.count(), 1);
}

#[test]
fn s04_a_short_retry_after_is_waited_for() {
    let fake = recovering(1, 429, "retry-after: 1\r\n");
    let (service, start) = (before(&fake, &[]), Instant::now());
    assert_eq!(chat(&service, &question(json!({}))).status, 200);
    assert!(start.elapsed().as_millis() >= 1000);
}

#[test]
fn s05_a_long_retry_after_is_forwarded_up_to_a_minute() {
    let fake = rejecting(429, "retry-after: 3600\r\n", r#"{"error":"quota"}"#);
    let reply = chat(&before(&fake, &[]), &question(json!({})));
    assert_eq!(reply.status, 429);
    assert_eq!((reply.header("retry-after"), reply.header("retry-after-ms")), ("60", "60000"));
    assert_eq!(reply.json()["error"]["message"], "quota");
    assert_eq!(fake.count(), 1);
}

#[test]
fn s06_a_silent_upstream_is_not_tried_again() {
    let silent = Fake::start(|_, stream| until_closed(stream));
    let second = Fake::events(GOOD);
    let service = before_all(&[&silent, &second], &[("FIRST_EVENT_TIMEOUT", "300ms")]);
    assert_clean(&chat(&service, &streamed()), "hello");
    assert_eq!(silent.closed(), 0, "and its connection is closed");
    let only = before(&silent, &[("FIRST_EVENT_TIMEOUT", "300ms")]);
    assert_eq!(error_of(&chat(&only, &streamed())), (504, "upstream_timeout".to_owned()));
    assert_eq!(silent.count(), 2);
}

#[test]
fn s07_an_unreachable_upstream_is_left_for_the_next() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let second = good();
    let urls = format!("http://{unused}/v1,{}", second.url());
    assert_second(&crate::start(&[("UPSTREAM_URL", &urls)]));
    let only = crate::start(&[("UPSTREAM_URL", &format!("http://{unused}/v1"))]);
    assert_eq!(error_of(&chat(&only, &question(json!({})))), (502, "upstream_error".to_owned()));
    assert!(only.log("\"status\":502").contains("cannot connect"));
}

#[test]
fn s08_a_stream_that_breaks_off_is_an_error_and_never_a_short_response() {
    let fake = Fake::start(|_, stream| {
        begin_events(stream);
        chunk(stream, HELLO);
        false
    });
    assert_cut(&chat(&before(&fake, &[]), &streamed()), "upstream_error");
    assert_eq!(fake.count(), 1, "a stream that has begun cannot be retried");
}

#[test]
fn s09_a_stalled_stream_times_out() {
    let fake = Fake::start(|_, stream| {
        begin_events(stream);
        chunk(stream, HELLO);
        until_closed(stream)
    });
    let service = before(&fake, &[("EVENT_TIMEOUT", "400ms"), ("HEARTBEAT", "100ms")]);
    let reply = chat(&service, &streamed());
    assert_cut(&reply, "upstream_timeout");
    assert!(reply.text().matches(": keep-alive").count() >= 2, "{}", reply.text());
    assert_eq!(fake.closed(), 0);
}

#[test]
fn s10_a_rejected_upstream_key_is_final_and_not_blamed_on_the_client() {
    let fake = rejecting(401, "", r#"{"error":"Invalid username or password."}"#);
    let (second, service_key) = (good(), ("UPSTREAM_API_KEYS", "sk-wrong,none"));
    let service = before_all(&[&fake, &second], &[service_key, ("ACCESS", "open")]);
    let reply = chat(&service, &question(json!({})));
    assert_eq!(error_of(&reply), (401, "upstream_unauthorized".to_owned()));
    assert!(reply.text().contains("Invalid username or password."), "{}", reply.text());
    assert_eq!((fake.count(), second.count()), (1, 0));
}

#[test]
fn s11_exhausted_credit_is_final() {
    let words = "You have exceeded your monthly included credits for Inference Providers.";
    let fake =
        Fake::start(move |_, stream| json_answer(stream, 402, "", &json!({"error": words}).to_string()));
    let second = good();
    let service = before_all(&[&fake, &second], &[]);
    let reply = chat(&service, &question(json!({})));
    assert_eq!((reply.status, reply.json()["error"]["message"].as_str()), (402, Some(words)));
    assert_eq!((fake.count(), second.count()), (1, 0));
    assert!(service.get("/metrics").text().contains(r#"outcome="refused",code="402"} 1"#));
}

#[test]
fn s12_a_bad_request_and_a_content_filter_are_final() {
    for body in [
        r#"{"error":{"message":"no","type":"invalid_request_error","param":"n","code":"unsupported_value"}}"#,
        r#"{"error":{"message":"no","code":"content_filter"}}"#,
    ] {
        let (fake, second) = (rejecting(400, "", body), good());
        let reply = chat(&before_all(&[&fake, &second], &[]), &question(json!({})));
        assert_eq!((reply.status, second.count()), (400, 0));
        let given: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(reply.json()["error"]["code"], given["error"]["code"]);
    }
}

#[test]
fn s13_an_unreadable_response_is_left_for_the_next() {
    let garbage = Fake::start(|_, stream| {
        write(stream, "ICY 200 OK\r\n\r\n");
        false
    });
    let second = good();
    assert_second(&before_all(&[&garbage, &second], &[]));
    assert_eq!(
        error_of(&chat(&before(&garbage, &[]), &question(json!({})))),
        (502, "upstream_error".to_owned())
    );
}

#[test]
fn s14_an_error_event_in_the_middle_reaches_the_client_in_one_shape() {
    let fake = Fake::start(|_, stream| {
        begin_events(stream);
        chunk(stream, HELLO);
        chunk(stream, "data: {\"error\":\"out of memory\"}\n\n");
        chunk(stream, "data: [DONE]\n\n");
        false
    });
    let reply = chat(&before(&fake, &[]), &streamed());
    assert_eq!((reply.status, reply.whole), (200, false));
    assert!(reply.text().contains(r#""message":"out of memory""#), "{}", reply.text());
    assert!(!reply.text().contains("[DONE]"));
}

#[test]
fn s15_a_stream_that_begins_with_an_error_is_left_for_the_next() {
    let first = Fake::start(|_, stream| {
        begin_events(stream);
        chunk(stream, "data: {\"error\":{\"message\":\"busy\",\"code\":503}}\n\n");
        false
    });
    let second = Fake::events(GOOD);
    assert_clean(&chat(&before_all(&[&first, &second], &[]), &streamed()), "hello");
}

#[test]
fn s16_the_circuit_breaker_skips_an_upstream_that_keeps_failing() {
    let (first, second) = (rejecting(500, "", "{}"), good());
    let service = before_all(&[&first, &second], &[]);
    (0..20).for_each(|_| assert_second(&service));
    assert_eq!((first.count(), second.count()), (5, 20));
    assert!(service.get("/metrics").text().contains(r#"outcome="skipped"} 15"#));
}

#[test]
fn a_request_that_fails_in_all_rounds_is_one_failure_for_the_circuit_breaker() {
    let only = rejecting(500, "", "{}");
    let service = before_all(&[&only], &[]);
    for attempts in [3, 6, 9, 12, 14, 15] {
        assert_eq!(chat(&service, &question(json!({}))).status, 500);
        assert_eq!(only.count(), attempts, "with an open circuit breaker, one attempt for each request");
    }
}
