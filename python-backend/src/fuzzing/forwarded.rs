//! Whether what a client received is what its upstream sent.
#![allow(clippy::panic)] // a panic is how a fuzz target reports a failure

use serde_json::Value;
use space_kit::fuzzing::{WireResponse, parse_responses};

use crate::dialect;
use crate::wire::dialect::Dialect;

/// How the upstream's response begins. In the second, each piece is a chunk.
pub(super) const HEADS: [&str; 4] = [
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 64\r\n\r\n",
    "", // the script has it
];
pub(super) const CHUNKED: usize = 1;
pub(super) const LENGTH: usize = 2;
pub(super) const RAW: usize = 3;

/// What the upstream did.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) body: Vec<u8>,
    /// It ended its response by its framing.
    pub(super) ended: bool,
    pub(super) paused: bool,
    /// The client left.
    pub(super) left: bool,
    /// The client did not read at some time.
    pub(super) stopped: bool,
}

/// The client got one well-formed response, which looks complete only if the upstream's was, and what was forwarded is
/// unchanged.
pub(super) fn check(kind: usize, head: usize, sent: &Sent, received: &[u8]) {
    let (responses, problem) = parse_responses(received, |_| false);
    assert_eq!(problem, None, "not a response");
    let [response] = responses.as_slice() else {
        assert!(responses.is_empty() && (sent.left || sent.stopped), "{} responses", responses.len());
        return;
    };
    assert!(response.field("x-request-id").is_some(), "{response:?}");
    if response.status != 200 {
        let is_json = serde_json::from_slice::<Value>(&response.body).is_ok();
        assert!(!response.whole || is_json || head == RAW, "{response:?}");
        return;
    }
    match kind {
        2 => {
            let is_object =
                serde_json::from_slice::<Value>(&response.body).is_ok_and(|body| body.is_object());
            assert!(!response.whole || is_object || sent.body.contains(&b'\\'), "{response:?}");
        }
        7 if head != RAW => check_passed(head, sent, response),
        7 => {}
        5 => check_translated(Dialect::Responses, sent, response),
        6 => check_translated(Dialect::Messages, sent, response),
        3 => check_events(Dialect::Responses, head, sent, response),
        4 => check_events(Dialect::Messages, head, sent, response),
        _ => check_events(Dialect::Chat, head, sent, response),
    }
}

/// A body that is passed through is the upstream's, and is whole only if the upstream's was.
fn check_passed(head: usize, sent: &Sent, response: &WireResponse) {
    let body = if head == LENGTH { &sent.body[..sent.body.len().min(64)] } else { &sent.body };
    assert!(body.starts_with(&response.body), "changed: {response:?}");
    let ended = if head == LENGTH { body.len() == 64 } else { sent.ended };
    assert!(!response.whole || ended && response.body == body, "cut: {response:?}");
}

/// Events that are forwarded are the upstream's, and are whole only if it sent the last one.
fn check_events(dialect: Dialect, head: usize, sent: &Sent, response: &WireResponse) {
    let text = String::from_utf8_lossy(&response.body).into_owned();
    if response.whole {
        assert!(may_be_complete(dialect, &sent.body), "a cut stream looks complete: {text}");
        assert!(
            text.ends_with("\n\n") && (dialect != Dialect::Chat || text.ends_with("data: [DONE]\n\n")),
            "{text}"
        );
    }
    let events = events(&sent.body, false);
    let is_plain = |(name, data): &(String, String)| {
        let value = serde_json::from_str::<Value>(data).ok();
        let is_object = value.as_ref().and_then(Value::as_object).is_some_and(|fields| {
            !["error", "usage", "object"].iter().any(|name| fields.contains_key(*name))
        });
        is_object && data.starts_with('{') && name != "ping" && (dialect != Dialect::Chat || name.is_empty())
    };
    let plain: Vec<_> = events.iter().take_while(|event| is_plain(event)).collect();
    let is_done = events.get(plain.len()).is_some_and(|(_, data)| data.trim() == "[DONE]");
    if head == RAW || !is_done && plain.len() < events.len() {
        return;
    }
    let read = self::events(&response.body, false);
    let own = |(name, data): &&(String, String)| name != "ping" && data.trim() != "[DONE]";
    let mut forwarded: Vec<_> = read.iter().filter(own).collect();
    let is_error = |(name, data): &(String, String)| name == "error" || data.contains("\"error\"");
    if !response.whole && forwarded.last().is_some_and(|last| is_error(last)) {
        forwarded.pop();
    }
    // The last event may have had no end.
    assert!(forwarded.len() <= plain.len() + 1, "more events: {text}");
    for ((name, data), (wanted, original)) in forwarded.iter().zip(&plain) {
        assert_eq!((name, data), (wanted, &original.replace('\n', " ")), "a changed event");
    }
    let must_be_whole = is_done && !sent.paused && !sent.left && !sent.stopped && dialect == Dialect::Chat;
    assert!(
        !must_be_whole || plain.is_empty() || response.whole && forwarded.len() == plain.len(),
        "lost: {text}"
    );
}

fn check_translated(dialect: Dialect, sent: &Sent, response: &WireResponse) {
    let text = String::from_utf8_lossy(&response.body);
    let mut own = String::new();
    let complete = text.rfind("\n\n").map_or("", |end| &text[..end + 2]);
    for event in complete.split_inclusive("\n\n") {
        if !event.starts_with(':') && !event.starts_with("event: ping\n") {
            own += event;
        }
    }
    if response.whole {
        assert!(may_be_complete(Dialect::Chat, &sent.body), "a cut stream looks complete: {text}");
        dialect::check::whole(dialect, &own);
    } else {
        dialect::check::events(&own);
    }
}

/// Whether the body may have the last event of a stream. A necessary condition, which knows nothing of choices and nested
/// texts.
fn may_be_complete(dialect: Dialect, body: &[u8]) -> bool {
    let events = events(body, true);
    events.iter().any(|(name, data)| {
        if data.trim() == "[DONE]" || data.contains('\\') {
            return true;
        }
        let has =
            |words: &[&str]| words.iter().any(|word| name == word || data.contains(&format!("\"{word}\"")));
        let is_finished = |value: &Value| {
            let choices = value["choices"].as_array().cloned().unwrap_or_default();
            choices.iter().any(|choice| !choice["finish_reason"].is_null())
        };
        match dialect {
            Dialect::Chat => {
                let value = serde_json::from_str::<Value>(data).ok();
                value.as_ref().map_or(data.contains("finish_reason"), is_finished)
            }
            Dialect::Responses => has(&[
                "response.completed",
                "response.done",
                "response.failed",
                "response.incomplete",
                "response.cancelled",
                "error",
            ]),
            _ => has(&["message_stop", "error", "stop_reason"]),
        }
    })
}

/// A second, short reader of events: names and data. `rest` adds what has no end yet.
fn events(bytes: &[u8], rest: bool) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (mut events, mut name, mut data) = (Vec::new(), String::new(), None::<String>);
    let mut lines: Vec<&str> = text.split('\n').collect();
    let last = lines.pop().filter(|_| rest);
    for line in lines.into_iter().chain(last).chain(rest.then_some("")) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => data = Some(data.map_or(value.to_owned(), |data| data + "\n" + value)),
            "event" => value.clone_into(&mut name),
            "" if line.is_empty() => {
                let ended = (std::mem::take(&mut name), data.take().unwrap_or_default());
                events.extend((!ended.1.trim_ascii().is_empty()).then_some(ended));
            }
            _ => {}
        }
    }
    events
}
