//! Equal upstreams: the requests of one conversation go to the same one, for its prompt cache.

use std::net::TcpListener;

use serde_json::json;
use space_kit::testing::Process;

use crate::fake::{Fake, completion};
use crate::{chat, start};

fn answering() -> Fake {
    Fake::json(completion("hello"))
}

/// A gateway in front of replicas.
fn before_replicas(urls: &[&str], env: &[(&str, &str)]) -> Process {
    let urls = urls.join("|");
    start(&[&[("UPSTREAM_URL", urls.as_str())], env].concat())
}

/// One turn of a conversation: its first message and those after it.
fn turn(service: &Process, first: &str, more: usize) {
    let mut messages = vec![json!({"role": "user", "content": first})];
    messages.extend((0..more).map(|n| json!({"role": "user", "content": format!("more {n}")})));
    assert_eq!(chat(service, &json!({"model": "m", "messages": messages})).status, 200);
}

/// The share of repeats that reach the upstream of their conversation's first request, in percent, and the share of
/// the busier replica.
fn shares(turn: impl Fn(&Process, usize, usize)) -> (usize, usize) {
    const CONVERSATIONS: usize = 40;
    const TURNS: usize = 4;
    let (one, two) = (answering(), answering());
    let service = before_replicas(&[&one.url(), &two.url()], &[]);
    let mut same = 0;
    for conversation in 0..CONVERSATIONS {
        let mut firsts = None;
        for number in 0..TURNS {
            let before = one.count();
            turn(&service, conversation, number);
            let at_one = one.count() > before;
            same += usize::from(number > 0 && *firsts.get_or_insert(at_one) == at_one);
            firsts.get_or_insert(at_one);
        }
    }
    let busier = one.count().max(two.count());
    (same * 100 / (CONVERSATIONS * (TURNS - 1)), busier * 100 / (CONVERSATIONS * TURNS))
}

#[test]
fn the_turns_of_a_conversation_reach_one_replica_and_conversations_are_spread() {
    let (sticky, busier) = shares(|service, conversation, number| {
        turn(service, &format!("conversation {conversation}"), number);
    });
    // Without: each request is a session of its own.
    let (spread, _) = shares(|service, conversation, number| {
        let session = format!("{conversation}-{number}");
        let body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).to_string();
        let headers = [("x-session-affinity", session.as_str())];
        assert_eq!(service.request("POST", "/v1/chat/completions", &headers, &body).status, 200);
    });
    println!(
        "repeats at the same replica: {sticky} % by affinity, {spread} % without; the busier one has {busier} %"
    );
    assert_eq!(sticky, 100);
    assert!((30..=70).contains(&spread) && busier <= 80, "{spread} {busier}");
}

#[test]
fn a_key_or_a_session_that_is_sent_replaces_the_first_message() {
    let (one, two) = (answering(), answering());
    let service = before_replicas(&[&one.url(), &two.url()], &[]);
    for number in 0..20 {
        let body = json!({"model": "m", "input": format!("{number}"), "prompt_cache_key": "key"});
        assert_eq!(service.request("POST", "/v1/responses", &[], &body.to_string()).status, 200);
    }
    assert!([one.count(), two.count()].contains(&20), "{} {}", one.count(), two.count());
    let (before, headers) = ([one.count(), two.count()], [("x-session-affinity", "s")]);
    for number in 0..20 {
        let body = json!({"model": "m", "messages": [{"role": "user", "content": format!("{number}")}]});
        let reply = service.request("POST", "/v1/messages", &headers, &body.to_string());
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let new = [one.count() - before[0], two.count() - before[1]];
    assert!(new == [20, 0] || new == [0, 20], "{new:?}");
}

#[test]
fn the_conversations_of_a_replica_that_fails_move_and_the_others_stay() {
    let unused = format!("http://{}/v1", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let (one, two) = (answering(), answering());
    let service = before_replicas(&[&one.url(), &two.url(), &unused], &[]);
    let mut places = Vec::new();
    for round in 0..2 {
        for conversation in 0..60 {
            let before = one.count();
            turn(&service, &format!("conversation {conversation}"), round);
            let at_one = one.count() > before;
            match round {
                0 => places.push(at_one),
                _ => assert_eq!(places[conversation], at_one, "each conversation keeps its place"),
            }
        }
    }
    assert_eq!(one.count() + two.count(), 120);
    assert!(one.count() >= 10 && two.count() >= 10, "{} {}", one.count(), two.count());
    let metrics = service.get("/metrics").text();
    assert!(metrics.contains(r#"outcome="unreachable"} 5"#), "its circuit breaker opens: {metrics}");
}

#[test]
fn an_upstream_after_a_comma_is_asked_only_if_the_replicas_fail() {
    let unused = format!("http://{}/v1", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let (one, fallback) = (answering(), answering());
    let urls = format!("{unused}|{},{}", one.url(), fallback.url());
    let service = start(&[("UPSTREAM_URL", urls.as_str())]);
    (0..20).for_each(|n| turn(&service, &format!("{n}"), 0));
    assert_eq!((one.count(), fallback.count()), (20, 0));
    let service = start(&[("UPSTREAM_URL", format!("{unused}|{unused},{}", fallback.url()).as_str())]);
    (0..3).for_each(|n| turn(&service, &format!("{n}"), 0));
    assert_eq!(fallback.count(), 3);
}
