//! What counts as an upstream's failure, which errors are final, and what the client receives.

use std::time::Instant;

use serde_json::json;

use crate::chat;
use crate::failover::{assert_second, good, rejecting};
use crate::fake::{Fake, GOOD, begin_events, chunk, completion, json_answer, until_closed, write};
use crate::support::{before, before_all, error_of, question, streamed};

#[test]
fn a_retry_after_may_be_a_date() {
    let fake = Fake::start(|_, stream| {
        let headers = "retry-after: Fri, 31 Dec 2100 23:59:59 GMT\r\n";
        json_answer(stream, 429, headers, r#"{"error":"quota"}"#)
    });
    let reply = chat(&before(&fake, &[]), &question(json!({})));
    assert_eq!((reply.status, reply.header("retry-after"), fake.count()), (429, "60", 1));
}

#[test]
fn an_error_with_retry_after_is_preferred_over_the_next_upstreams() {
    let first = rejecting(429, "retry-after: 30\r\n", r#"{"error":"quota"}"#);
    let second = Fake::start(|_, _| false);
    let reply = chat(&before_all(&[&first, &second], &[]), &question(json!({})));
    assert_eq!((reply.status, reply.header("retry-after")), (429, "30"), "{}", reply.text());
    assert_eq!((first.count(), second.count()), (1, 1));
    let second = rejecting(400, "", r#"{"error":"no"}"#);
    let reply = chat(&before_all(&[&first, &second], &[]), &question(json!({})));
    assert_eq!(reply.status, 400, "a 400 is final");
}

#[test]
fn a_response_that_is_not_a_json_object_is_left_for_the_next() {
    for (kind, body, words) in [
        ("text/html", "<html><title>Welcome</title></html>", "a web page: Welcome"),
        ("application/json", "", "with no message"),
        ("application/json", r#"{"choices":["#, "not respond like an API"),
    ] {
        let fake = Fake::start(move |_, stream| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length");
            write(stream, format!("{head}: {}\r\n\r\n{body}", body.len()));
            true
        });
        let reply = chat(&before(&fake, &[]), &question(json!({})));
        assert_eq!(error_of(&reply), (502, "upstream_error".to_owned()));
        assert!(reply.text().contains(words), "{}", reply.text());
        assert_second(&before_all(&[&fake, &good()], &[]));
    }
}

#[test]
fn an_unrequested_stream_is_an_error_and_not_retried() {
    let fake = Fake::events(GOOD);
    let reply = chat(&before(&fake, &[]), &question(json!({})));
    assert_eq!((error_of(&reply), fake.count()), ((502, "upstream_error".to_owned()), 1));
    assert_second(&before_all(&[&fake, &good()], &[]));
}

#[test]
fn an_error_in_a_200_is_left_for_the_next() {
    let busy = rejecting(200, "", r#"{"error":"out of memory"}"#);
    let reply = chat(&before(&busy, &[]), &question(json!({})));
    assert_eq!((reply.status, reply.json()["error"]["message"].as_str()), (502, Some("out of memory")));
    assert_second(&before_all(&[&busy, &good()], &[]));
    let (wrong, second) = (rejecting(200, "", r#"{"error":{"message":"no","code":400}}"#), good());
    let reply = chat(&before_all(&[&wrong, &second], &[]), &question(json!({})));
    assert_eq!((reply.status, second.count()), (400, 0));
}

#[test]
fn a_fault_of_the_request_or_the_account_is_final_as_a_streams_first_event_too() {
    for (code, status) in
        [("content_filter", 400), ("context_length_exceeded", 400), ("insufficient_quota", 402)]
    {
        let first = Fake::start(move |_, stream| {
            begin_events(stream);
            chunk(stream, format!("data: {{\"error\":{{\"message\":\"no\",\"code\":\"{code}\"}}}}\n\n"));
            false
        });
        let second = Fake::events(GOOD);
        let reply = chat(&before_all(&[&first, &second], &[]), &streamed());
        assert_eq!(error_of(&reply), (status, code.to_owned()));
        assert_eq!((first.count(), second.count()), (1, 0));
    }
}

#[test]
fn all_attempts_together_have_one_deadline() {
    let fake = rejecting(500, "retry-after: 10\r\n", "{}");
    let (service, start) = (before(&fake, &[("UPSTREAM_TIMEOUT", "1s")]), Instant::now());
    let reply = chat(&service, &question(json!({})));
    assert_eq!((reply.status, fake.count()), (500, 1));
    assert!(start.elapsed().as_secs() < 5);
}

#[test]
fn a_clients_shorter_timeout_is_kept() {
    let silent = Fake::start(|_, stream| until_closed(stream));
    let service = before(&silent, &[]);
    let headers = [("x-stainless-read-timeout", "0.3")];
    let reply = service.request("POST", "/v1/chat/completions", &headers, &question(json!({})).to_string());
    assert_eq!(error_of(&reply), (504, "upstream_timeout".to_owned()));
    assert_eq!(silent.closed(), 0);
}

#[test]
fn a_clients_short_timeout_does_not_open_the_circuit_breaker() {
    let fake = Fake::start(|seen, stream| match seen.number < 6 {
        true => until_closed(stream),
        false => json_answer(stream, 200, "", &completion("hello").to_string()),
    });
    let service = before(&fake, &[]);
    let (headers, body) = ([("x-stainless-timeout", "0.1")], question(json!({})).to_string());
    for _ in 0..6 {
        let reply = service.request("POST", "/v1/chat/completions", &headers, &body);
        assert_eq!(error_of(&reply), (504, "upstream_timeout".to_owned()));
    }
    assert_eq!(chat(&service, &question(json!({}))).status, 200);
}

#[test]
fn an_upstreams_503_is_never_forwarded() {
    let fake = rejecting(503, "", r#"{"error":"overloaded"}"#);
    let reply = chat(&before(&fake, &[]), &question(json!({})));
    assert_eq!((reply.status, reply.json()["error"]["message"].as_str()), (502, Some("overloaded")));
}
