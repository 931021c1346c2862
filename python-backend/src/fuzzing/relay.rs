//! An upstream's response on its whole way to a client, from a connection that a script plays to one that is checked.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a panic is how a fuzz target reports a failure

use std::time::Duration;

use space_kit::Service;
use space_kit::fuzzing::{Client, PeerSocket, PeerStep, Rig, parse_responses, parse_script};

use super::forwarded::{CHUNKED, HEADS, LENGTH, RAW, Sent, check};
use crate::state::State;

const ORIGIN: &str = "http://127.0.0.1:9"; // no other connection can be opened

/// The requests: path, body, and the API of the upstream.
const REQUESTS: [(&str, &str, &str); 8] = [
    ("chat/completions", r#"{"model":"m","messages":[],"stream":true}"#, "native"),
    ("chat/completions", r#"{"model":"m","messages":[],"n":2,"stream":true}"#, "native"),
    ("chat/completions", r#"{"model":"m","messages":[]}"#, "native"),
    ("responses", r#"{"model":"m","input":"a","stream":true}"#, "native"),
    ("messages", r#"{"model":"m","messages":[],"max_tokens":1,"stream":true}"#, "native"),
    ("responses", r#"{"model":"m","input":"a","stream":true}"#, "chat"),
    (
        "messages",
        r#"{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":1,"stream":true}"#,
        "chat",
    ),
    ("files/a/content", "", "native"),
];

/// The first byte selects a request and a head, and the others are a script for the upstream, in which `s` and `r` are
/// the client's, and `d` lets the client leave. The client gets one well-formed response, which looks complete only if
/// the upstream's was. What is forwarded is unchanged, nothing is held beyond the limits or after the end, and a client
/// that leaves cancels the upstream's work.
pub fn relay(service: &'static Service<State>, input: &[u8]) {
    let Some((mode, script)) = input.split_first() else { return };
    let (kind, head) = (usize::from(mode % 8), usize::from(mode / 8 % 4));
    let (path, body, api) = REQUESTS[kind];
    let env = |name: &str| {
        let value = match name {
            "UPSTREAM_URL" => "http://127.0.0.1:9/v1",
            "UPSTREAM_API" => api,
            "UPSTREAM_TRIES" => "2",
            "ACCESS" => "open",
            "ANSWER_MEMORY" => "1MiB",
            "ANSWER_LIMIT" => "64KiB",
            "BODY_MEMORY" => "64MiB",
            "MAX_CONNECTIONS" => "64",
            "UPSTREAM_TIMEOUT" | "STREAM_TIMEOUT" => "1min",
            "FIRST_EVENT_TIMEOUT" | "EVENT_TIMEOUT" | "WAKE_TIMEOUT" => "20s",
            "HEARTBEAT" => "3s",
            "LOG_LEVEL" => "error",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let (rig, running) = Rig::new(service, &|name| env(name).map(Into::into));
    let state = &running.state;
    let (sent, received) = rig.run(async |client| {
        let (mut upstream, theirs) = PeerSocket::pair();
        state.upstreams.pool.keep(ORIGIN, theirs).await.expect("a connection");
        let method = if body.is_empty() { "GET" } else { "POST" };
        let length = body.len();
        client.socket.send(
            format!(
                "{method} /v1/{path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        );
        client.settle().await;
        upstream.send(HEADS[head].as_bytes());
        let sent = play(client, &mut upstream, &parse_script(script), head, state).await;
        if sent.left {
            client.pause(Duration::from_secs(2)).await;
            upstream.receive();
            let (responses, _) = parse_responses(client.socket.received(), |_| false);
            let is_whole = match head {
                LENGTH => sent.body.len() >= 64,
                _ => sent.ended || head == RAW,
            };
            let is_done = is_whole || responses.first().is_some_and(|response| response.whole);
            assert!(is_done || upstream.has_ended(), "the upstream's work goes on without a client");
        }
        assert!(client.finish(Duration::from_secs(600)).await, "the response does not end");
        (sent, client.socket.received().to_vec())
    });
    check_limits(state);
    let used = (state.limits.slots.in_use(), state.limits.bodies.used(), state.limits.answers.used());
    assert_eq!(used, (0, 0, 0), "held after the end");
    check(kind, head, &sent, &received);
}

async fn play(
    client: &mut Client,
    upstream: &mut PeerSocket,
    steps: &[PeerStep],
    head: usize,
    state: &State,
) -> Sent {
    let mut sent = Sent::default();
    for step in steps {
        match step {
            PeerStep::Send(bytes) => {
                let before = match head {
                    CHUNKED => format!("{:x}\r\n", bytes.len()),
                    _ => String::new(),
                };
                let after = if head == CHUNKED { "\r\n" } else { "" };
                let framed = [before.as_bytes(), bytes, after.as_bytes()].concat();
                let mut taken = 0;
                loop {
                    let count = upstream.send(&framed[taken..]);
                    taken += count;
                    client.settle().await;
                    if count == 0 || taken == framed.len() {
                        break;
                    }
                }
                sent.body.extend_from_slice(&bytes[..taken.saturating_sub(before.len()).min(bytes.len())]);
                if taken < framed.len() {
                    break; // the gateway does not read, or has closed
                }
            }
            PeerStep::Pause(time) => {
                client.pause(*time).await;
                sent.paused = true;
            }
            PeerStep::EndInput => {
                if head == CHUNKED {
                    upstream.send(b"0\r\n\r\n");
                } else {
                    upstream.leave();
                }
                sent.ended = true;
                break;
            }
            PeerStep::Leave => {
                upstream.leave();
                sent.ended = head != CHUNKED;
                break;
            }
            PeerStep::StopReading => {
                client.socket.set_reading(false);
                sent.stopped = true;
            }
            PeerStep::Read => client.socket.set_reading(true),
            PeerStep::Drain => {
                client.socket.leave();
                sent.left = true;
            }
        }
        client.settle().await;
        check_limits(state);
        if sent.left {
            break;
        }
    }
    client.settle().await;
    sent
}

fn check_limits(state: &State) {
    assert!(state.limits.answers.used() <= 1 << 20, "more than ANSWER_MEMORY");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_of_the_fuzz_target_are_relayed_by_the_rules() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/relay");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).expect("the seeds") {
            let path = entry.expect("a seed").path();
            println!("{}", path.display());
            relay(&crate::SERVICE, &std::fs::read(path).expect("a seed"));
            count += 1;
        }
        assert!(count > 20, "{count} seeds");
    }
}
