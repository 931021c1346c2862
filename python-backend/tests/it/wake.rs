//! Upstreams that are asleep.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use space_kit::testing::{read_chunk, read_head, send};

use crate::chat;
use crate::fake::{Fake, GOOD, begin_events, chunk, completion, end, json_answer, write};
use crate::support::{assert_clean, before, before_all, question, streamed};

/// An upstream that answers like a platform in front of a sleeping app, for this long after the first
/// request.
fn cold(time: Duration) -> Fake {
    let first = Mutex::new(None);
    Fake::start(move |seen, stream| {
        let start = *first.lock().unwrap().get_or_insert_with(Instant::now);
        if start.elapsed() < time {
            let page = "<html><h1>503</h1></html>";
            let length = page.len();
            write(
                stream,
                format!(
                    "HTTP/1.1 503 x\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\r\n{page}"
                ),
            );
            return true;
        }
        if seen.line().starts_with("GET") {
            return json_answer(stream, 200, "", r#"{"object":"list","data":[]}"#);
        }
        if !seen.body.contains("\"stream\":true") {
            return json_answer(stream, 200, "", &completion("hello").to_string());
        }
        begin_events(stream);
        GOOD.iter().for_each(|event| chunk(stream, event));
        end(stream)
    })
}

/// The number of probes. They are GETs with the header that keeps an Inference Endpoint from holding them.
fn probes(fake: &Fake) -> usize {
    let seen: Vec<_> = (0..fake.count()).map(|_| fake.next()).collect();
    let probes = seen.iter().filter(|seen| seen.line().starts_with("GET"));
    probes.inspect(|seen| assert_eq!(seen.header("x-scale-up-timeout"), "1")).count()
}

/// Requests a stream. Returns the longest silence between two chunks, and the text.
fn patient(address: SocketAddr) -> (Duration, Vec<u8>) {
    let body = streamed().to_string();
    let mut stream = send(
        address,
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    let (mut last, mut longest, mut text) = (Instant::now(), Duration::ZERO, Vec::new());
    assert_eq!(read_head(&mut stream).status, 200);
    loop {
        let chunk = read_chunk(&mut stream).expect("a clean end");
        longest = longest.max(last.elapsed());
        last = Instant::now();
        if chunk.is_empty() {
            return (longest, text);
        }
        text.extend(chunk);
    }
}

#[test]
fn a_hundred_clients_wait_for_one_waker_and_get_heartbeats() {
    let fake = cold(Duration::from_secs(20));
    let service = before(&fake, &[]);
    let (address, longest) = (service.address, AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let (silence, text) = patient(address);
                assert!(text.ends_with(b"data: [DONE]\n\n"), "{}", String::from_utf8_lossy(&text));
                longest.fetch_max(silence.as_millis() as usize, Ordering::SeqCst);
            });
        }
    });
    assert!(longest.into_inner() < 15_000);
    let probes = probes(&fake);
    assert!((3..=12).contains(&probes), "{probes} probes: there must be one waker that pauses between them");
}

#[test]
fn a_request_without_a_stream_waits_too() {
    let fake = cold(Duration::from_secs(1));
    let reply = chat(&before(&fake, &[]), &question(json!({})));
    assert_eq!((reply.status, reply.json()), (200, completion("hello")));
}

/// An upstream that reports a loading model for this long after the first request, but answers GETs.
fn loading(time: Duration) -> Fake {
    let first = Mutex::new(None);
    Fake::start(move |seen, stream| {
        let start = *first.lock().unwrap().get_or_insert_with(Instant::now);
        if seen.line().starts_with("GET") {
            return json_answer(stream, 200, "", r#"{"object":"list","data":[]}"#);
        }
        if start.elapsed() < time {
            let body = r#"{"error":"Model m is currently loading","estimated_time":0.5}"#;
            return json_answer(stream, 503, "", body);
        }
        begin_events(stream);
        GOOD.iter().for_each(|event| chunk(stream, event));
        end(stream)
    })
}

#[test]
fn a_loading_model_is_waited_for_and_one_request_retries_for_all() {
    let fake = loading(Duration::from_secs(5));
    let service = before(&fake, &[("HEARTBEAT", "1s")]);
    let address = service.address;
    std::thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let (silence, text) = patient(address);
                assert!(text.ends_with(b"data: [DONE]\n\n"), "{}", String::from_utf8_lossy(&text));
                assert!(silence < Duration::from_secs(5), "{silence:?}");
            });
        }
    });
    // Each request is sent first and last; in between, one of them retries for ten half seconds.
    let requests = fake.count();
    assert!((102..=130).contains(&requests), "{requests}");
}

#[test]
fn the_wait_for_a_loading_model_times_out() {
    let fake = loading(Duration::from_secs(3600));
    let service = before(&fake, &[("WAKE_TIMEOUT", "1200ms")]);
    let reply = chat(&service, &question(json!({})));
    assert_eq!(reply.status, 502);
    assert!((2..=3).contains(&fake.count()), "one attempt first, and one after each half second");
    assert!(reply.text().contains("currently loading"), "{}", reply.text());
}

#[test]
fn a_page_with_404_is_a_wrong_url_and_fails_at_once() {
    let fake = Fake::start(|_, stream| {
        let page = "<html><h1>Not Found</h1></html>";
        let head = "HTTP/1.1 404 x\r\ncontent-type: text/html\r\ncontent-length";
        write(stream, format!("{head}: {}\r\n\r\n{page}", page.len()));
        true
    });
    let reply = chat(&before(&fake, &[]), &question(json!({})));
    assert_eq!((reply.status, fake.count()), (404, 1));
    assert!(reply.text().contains("a web page: Not Found"), "{}", reply.text());
}

#[test]
fn another_upstream_answers_while_the_first_is_asleep() {
    let (asleep, awake) = (cold(Duration::from_secs(3600)), Fake::events(GOOD));
    assert_clean(&chat(&before_all(&[&asleep, &awake], &[]), &streamed()), "hello");
    assert_eq!(asleep.count(), 1);
}

#[test]
fn the_wait_for_a_sleeping_upstream_times_out() {
    let fake = cold(Duration::from_secs(3600));
    for wait in ["300ms", "0"] {
        let reply = chat(&before(&fake, &[("WAKE_TIMEOUT", wait)]), &question(json!({})));
        assert_eq!(reply.status, 502, "{wait}: {}", reply.text());
    }
}
