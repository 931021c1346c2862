//! The budget for all attempts of one request, and the advice of upstreams about repeating it.

use std::time::Instant;

use serde_json::json;
use space_kit::testing::{Process, Reply};

use crate::chat;
use crate::failover::rejecting;
use crate::fake::{Fake, GOOD, begin_events, chunk, completion, end, json_answer, write};
use crate::support::{assert_clean, before, before_all, question, streamed};

/// An upstream that answers every POST with 503 and this body, although it is awake.
fn unavailable(kind: &'static str, body: &'static str) -> Fake {
    Fake::start(move |seen, stream| {
        if seen.line().starts_with("GET") {
            return json_answer(stream, 200, "", r#"{"object":"list","data":[]}"#);
        }
        let length = body.len();
        write(stream, format!("HTTP/1.1 503 x\r\n{kind}content-length: {length}\r\n\r\n{body}"));
        true
    })
}

/// How many POSTs and GETs an upstream got.
fn methods(fake: &Fake) -> (usize, usize) {
    let seen: Vec<_> = (0..fake.count()).map(|_| fake.next()).collect();
    let posts = seen.iter().filter(|seen| seen.line().starts_with("POST")).count();
    (posts, seen.len() - posts)
}

/// The request of a client that has sent it before.
fn repeated(service: &Process) -> Reply {
    let headers = [("x-stainless-retry-count", "1")];
    service.request("POST", "/v1/chat/completions", &headers, &question(json!({})).to_string())
}

#[test]
fn an_empty_503_or_a_page_gets_three_attempts_with_pauses() {
    for (kind, body) in [("content-type: text/html\r\n", "<html><h1>503</h1></html>"), ("", "")] {
        let (fake, start) = (unavailable(kind, body), Instant::now());
        assert_eq!(chat(&before(&fake, &[]), &question(json!({}))).status, 502);
        let time = start.elapsed().as_millis();
        let (posts, probes) = methods(&fake);
        assert_eq!((posts, probes), (3, 2));
        assert!(time >= 500, "{time} ms: waking is not faster than the pauses between attempts");
    }
}

#[test]
fn all_attempts_at_all_upstreams_share_one_budget() {
    let fakes = [500, 502, 429].map(|status| rejecting(status, "", r#"{"error":"no"}"#));
    let service = before_all(&[&fakes[0], &fakes[1], &fakes[2]], &[]);
    chat(&service, &question(json!({})));
    assert_eq!(fakes.each_ref().map(Fake::count), [1, 1, 1]);
    let service = before_all(&[&fakes[0], &fakes[1]], &[]);
    chat(&service, &question(json!({})));
    assert_eq!(fakes.each_ref().map(Fake::count), [3, 2, 1]);
    let metrics = service.get("/metrics").text();
    for (fake, code, count) in [(&fakes[0], 500, 2), (&fakes[1], 502, 1)] {
        let (name, url) = ("gateway_upstream_tries_total", fake.url());
        let row =
            format!(r#"{name}{{upstream="{url}",model="other",outcome="refused",code="{code}"}} {count}"#);
        assert!(metrics.contains(&row), "{metrics}");
    }
    let service = before_all(&[&fakes[0], &fakes[1]], &[("UPSTREAM_TRIES", "1")]);
    chat(&service, &question(json!({})));
    assert_eq!(fakes.each_ref().map(Fake::count), [4, 2, 1]);
}

#[test]
fn a_request_that_the_client_repeats_is_tried_once_at_each_upstream() {
    let (first, second) = (rejecting(500, "", "{}"), rejecting(429, "retry-after: 1\r\n", "{}"));
    assert_eq!(repeated(&before(&first, &[])).status, 500);
    assert_eq!(repeated(&before_all(&[&first, &second], &[])).status, 429);
    assert_eq!((first.count(), second.count()), (2, 1));
    let asleep = unavailable("", "");
    assert_eq!(repeated(&before(&asleep, &[])).status, 502);
    assert_eq!(methods(&asleep).0, 2);
}

#[test]
fn an_upstream_that_asks_not_to_retry_is_not_tried_again() {
    let body = r#"{"error":"no"}"#;
    let first = rejecting(500, "x-should-retry: false\r\n", body);
    let reply = chat(&before(&first, &[]), &question(json!({})));
    assert_eq!((reply.status, first.count()), (500, 1));
    assert_eq!(reply.header("x-should-retry"), "false");
    let second = Fake::json(completion("hello"));
    assert_eq!(chat(&before_all(&[&first, &second], &[]), &question(json!({}))).status, 200);
    assert_eq!((first.count(), second.count()), (2, 1));
}

#[test]
fn a_delay_in_milliseconds_is_waited_for_and_handed_on() {
    let headers = "retry-after: 9\r\nretry-after-ms: 1200\r\n";
    let fake = Fake::start(move |seen, stream| match seen.number {
        0 => json_answer(stream, 429, headers, r#"{"error":"busy"}"#),
        _ => json_answer(stream, 200, "", &completion("hello").to_string()),
    });
    let (service, start) = (before(&fake, &[]), Instant::now());
    assert_eq!(chat(&service, &question(json!({}))).status, 200);
    let time = start.elapsed().as_millis();
    assert!((1200..8000).contains(&time), "{time} ms");
    let fake = rejecting(429, headers, r#"{"error":"busy"}"#);
    let reply = chat(&before(&fake, &[("UPSTREAM_TRIES", "1")]), &question(json!({})));
    assert_eq!((reply.header("retry-after"), reply.header("retry-after-ms")), ("2", "1200"));
}

#[test]
fn a_stream_waits_for_a_retry_after_only_as_long_as_its_status_is_free() {
    let fake = Fake::start(|seen, stream| match seen.number {
        0 => json_answer(stream, 429, "retry-after: 6\r\n", r#"{"error":"busy"}"#),
        1 => json_answer(stream, 429, "retry-after: 2\r\n", r#"{"error":"busy"}"#),
        _ => {
            begin_events(stream);
            GOOD.iter().for_each(|event| chunk(stream, event));
            end(stream)
        }
    });
    let service = before(&fake, &[]);
    let reply = chat(&service, &streamed());
    assert_eq!((reply.status, fake.count()), (429, 1), "{}", reply.text());
    assert_eq!((reply.header("retry-after"), reply.header("retry-after-ms")), ("6", "6000"));
    assert_clean(&chat(&service, &streamed()), "hello");
    assert_eq!(fake.count(), 3);
}
