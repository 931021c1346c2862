//! The usage that is counted and logged for a response.

use serde_json::{Value, json};

use crate::chat;
use crate::fake::{Fake, GOOD, HELLO, STOP, begin_events, chunk, end, json_answer};
use crate::support::{assert_clean, before, before_all, events, question, streamed};

#[test]
fn usage_is_requested_and_hidden_from_a_client_that_did_not_request_it() {
    let fake = Fake::events(GOOD);
    let service = before(&fake, &[]);
    let reply = chat(&service, &streamed());
    assert_clean(&reply, "hello");
    assert_eq!(events(&reply).len(), 3, "{}", reply.text());
    assert_eq!(fake.next().json()["stream_options"], json!({"include_usage": true}));
    assert!(service.log("usage").contains(r#""prompt_tokens":3,"completion_tokens":1"#));
    let asked = question(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let reply = chat(&service, &asked);
    assert_eq!(events(&reply).len(), 4);
    let usage: Value = serde_json::from_str(&events(&reply)[2]).unwrap();
    assert_eq!(usage["usage"]["total_tokens"], 4);
    assert_eq!(fake.next().json(), asked);
}

#[test]
fn chunks_are_counted_if_the_upstream_reports_no_usage() {
    let fake = Fake::events(&[HELLO, HELLO, STOP]);
    let service = before(&fake, &[]);
    assert_clean(&chat(&service, &streamed()), "hellohello");
    assert!(service.log("usage").contains(r#""completion_tokens":2"#));
    let metrics = service.get("/metrics").text();
    let row = r#"gateway_tokens_total{caller="anonymous",model="org/model",kind="completion"} 2"#;
    assert!(metrics.contains(row), "{metrics}");
    assert!(metrics.contains(r#"outcome="answered"} 1"#), "{metrics}");
    for name in ["gateway_time_to_first_token_seconds", "gateway_upstream_duration_seconds"] {
        let counted = format!("{name}_count{{upstream=\"{}\"}} 1", fake.url());
        assert!(metrics.contains(&counted), "{metrics}");
    }
    assert!(metrics.contains(&format!("gateway_breaker_open{{upstream=\"{}\"}} 0", fake.url())), "{metrics}");
}

#[test]
fn a_rejected_request_is_not_counted() {
    let fake = Fake::start(|seen, stream| match seen.line().contains("/models/") {
        true => json_answer(stream, 200, "", "{}"),
        false => json_answer(stream, 400, "", r#"{"error":"no"}"#),
    });
    let service = before(&fake, &[]);
    for body in [question(json!({})), streamed()] {
        assert_eq!(chat(&service, &body).status, 400);
    }
    assert_eq!(service.request("POST", "/v1/responses", &[], r#"{"model":"m"}"#).status, 400);
    assert_eq!(service.get("/v1/models/org/model").status, 200);
    let metrics = service.get("/metrics").text();
    assert!(!metrics.contains("caller="), "{metrics}");
    let (_, log) = service.stop();
    assert!(!log.concat().contains("\"usage\""), "{log:?}");
}

#[test]
fn the_tokens_of_responses_and_messages_are_counted() {
    const USAGE: &str = r#""usage":{"input_tokens":11,"output_tokens":22}"#;
    let fake = Fake::start(|seen, stream| {
        if !seen.body.contains("stream") {
            return json_answer(stream, 200, "", &format!("{{\"id\":\"r\",{USAGE}}}"));
        }
        begin_events(stream);
        match seen.line().contains("/messages") {
            true => {
                chunk(
                    stream,
                    "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7}}}\n\n",
                );
                chunk(stream, "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":9}}\n\n");
                chunk(stream, "data: {\"type\":\"message_stop\"}\n\n");
            }
            false => chunk(
                stream,
                format!("data: {{\"type\":\"response.completed\",\"response\":{{{USAGE}}}}}\n\n"),
            ),
        }
        end(stream)
    });
    let service = before(&fake, &[]);
    for (path, body, counts) in [
        ("/v1/responses", r#"{"model":"a"}"#, (11, 22)),
        ("/v1/responses", r#"{"model":"b","stream":true}"#, (11, 22)),
        ("/v1/messages", r#"{"model":"c"}"#, (11, 22)),
        ("/v1/messages", r#"{"model":"d","stream":true}"#, (7, 9)),
    ] {
        let reply = service.request("POST", path, &[], body);
        assert_eq!((reply.status, reply.whole), (200, true));
        let counts = format!(r#""prompt_tokens":{},"completion_tokens":{}"#, counts.0, counts.1);
        let line = service.log("\"usage\"");
        assert!(line.contains(&counts), "{path} {body}: {line}");
    }
}

#[test]
fn one_address_that_is_an_upstream_twice_has_two_labels() {
    let fake = Fake::events(GOOD);
    let (one, url) = (fake.url(), fake.url());
    let service = before_all(&[&fake, &fake], &[("EMBEDDINGS_URL", &one)]);
    let metrics = service.get("/metrics").text();
    let mut series: Vec<&str> =
        metrics.lines().filter_map(|line| line.rsplit_once(' ')).map(|it| it.0).collect();
    series.retain(|name| name.starts_with("gateway_breaker_open"));
    let labels = ["", "#2", "#3"].map(|copy| format!("gateway_breaker_open{{upstream=\"{url}{copy}\"}}"));
    assert_eq!(series, labels);
}
