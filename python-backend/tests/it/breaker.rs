//! The circuit breaker, by upstream and model.

use serde_json::json;
use space_kit::testing::Process;

use crate::chat;
use crate::fake::{Fake, GOOD, begin_events, chunk, completion, end, json_answer};
use crate::support::{before, before_all, question};

/// An upstream whose model `broken` fails.
fn half_broken() -> Fake {
    Fake::start(|seen, stream| match seen.body.contains("broken") {
        true => json_answer(stream, 500, "", r#"{"error":"out of memory"}"#),
        false => json_answer(stream, 200, "", &completion("hello").to_string()),
    })
}

fn ask(service: &Process, model: &str) -> u16 {
    chat(service, &question(json!({"model": model}))).status
}

#[test]
fn one_model_that_fails_does_not_block_the_others() {
    let (first, second) = (half_broken(), half_broken());
    for service in [before(&first, &[]), before_all(&[&first, &second], &[])] {
        for _ in 0..6 {
            assert_eq!(ask(&service, "broken"), 500);
            assert_eq!(ask(&service, "good"), 200);
        }
        let metrics = service.get("/metrics").text();
        let answered = format!(
            r#"gateway_upstream_tries_total{{upstream="{}",model="good",outcome="answered"}} 6"#,
            first.url()
        );
        assert!(metrics.contains(&answered), "{metrics}");
    }
}

#[test]
fn an_open_circuit_breaker_refuses_nothing_where_there_is_nowhere_else_to_go() {
    let fake = Fake::start(|seen, stream| match seen.number < 15 {
        true => json_answer(stream, 500, "", r#"{"error":"boom"}"#),
        false => json_answer(stream, 200, "", &completion("hello").to_string()),
    });
    let service = before(&fake, &[]);
    while fake.count() < 15 {
        assert_eq!(ask(&service, "m"), 500);
    }
    assert_eq!(ask(&service, "m"), 200, "it works again, and no client has to wait for the circuit breaker");
}

#[test]
fn the_log_says_when_a_circuit_breaker_opens_and_closes_although_no_request_fails() {
    let first = Fake::start(|seen, stream| match seen.number < 5 {
        true => json_answer(stream, 500, "", r#"{"error":"boom"}"#),
        false => json_answer(stream, 200, "", &completion("hello").to_string()),
    });
    let second = rejecting_after_five();
    let service = before_all(&[&first, &second], &[("UPSTREAM_TRIES", "2")]);
    (0..5).for_each(|_| assert_eq!(ask(&service, "m"), 200));
    let opened = service.log("circuit breaker opened");
    for part in [first.url().as_str(), r#""level":"warn""#, r#""model":"m""#, "500"] {
        assert!(opened.contains(part), "{part}: {opened}");
    }
    assert_eq!(ask(&service, "m"), 200, "the second upstream is busy, so the first one is tried after all");
    let closed = service.log("circuit breaker closed");
    assert!(closed.contains(&first.url()), "{closed}");
}

/// An upstream that answers five times and is too busy from then on.
fn rejecting_after_five() -> Fake {
    Fake::start(|seen, stream| match seen.number < 5 {
        true => json_answer(stream, 200, "", &completion("hello").to_string()),
        false => json_answer(stream, 429, "", r#"{"error":"busy"}"#),
    })
}

#[test]
fn an_answer_of_the_wrong_form_does_not_count_as_a_failure_of_the_upstream() {
    let first = Fake::start(|_, stream| {
        begin_events(stream);
        GOOD.iter().for_each(|event| chunk(stream, event));
        end(stream)
    });
    let second = Fake::json(completion("hello"));
    let service = before_all(&[&first, &second], &[]);
    (0..8).for_each(|_| assert_eq!(ask(&service, "m"), 200));
    assert_eq!((first.count(), second.count()), (8, 8));
}
