//! The terminal event of a stream of `/v1/responses` or `/v1/messages` (OpenAI API reference, "Streaming
//! events"; Anthropic API, "Streaming messages"), in each form that upstreams use.

use crate::json::{self, Members};
use crate::wire::chunk;
use crate::wire::dialect::Dialect;
use crate::wire::sse::Event;

/// Finds the terminal event of one stream.
#[derive(Debug)]
pub(super) struct TerminalEventFinder {
    dialect: Dialect,
    last: &'static [&'static str],
    found: bool,
    stopped: bool,
}

impl TerminalEventFinder {
    /// A finder for the streams of this API.
    pub(super) fn new(dialect: Dialect) -> TerminalEventFinder {
        let last: &[&str] = match dialect {
            Dialect::Responses => &[
                "response.completed",
                "response.done", // the Realtime API's, which some upstreams send here
                "response.failed",
                "response.incomplete",
                "response.cancelled",
                "error",
            ],
            Dialect::Messages => &["message_stop", "error"],
            Dialect::Chat | Dialect::Other => &[],
        };
        TerminalEventFinder { dialect, last, found: false, stopped: false }
    }

    /// Checks an event. Its kind is its name, or the `type` of its data. False if the data is neither a JSON
    /// object nor `[DONE]`.
    pub(super) fn check(&mut self, event: &Event) -> bool {
        let data = &event.data;
        self.found |= chunk::is_done(data);
        let whole = 0..data.len();
        let members =
            json::check_utf8(data).and_then(|()| json::last_members_in(data, &whole, ["type", "delta"]));
        // A name alone proves nothing: the data of an event that was cut is not a JSON object.
        let Ok(members) = members else { return chunk::is_done(data) };
        let name = event.name.as_deref().unwrap_or_default();
        self.found |= self.last.contains(&name);
        let kind = raw(data, &members, "type").and_then(json::string);
        self.found |= kind.as_deref().is_some_and(|kind| self.last.contains(&kind));
        // The last event but one of a message: nothing but `message_stop` can follow.
        let is_delta = name == "message_delta" || kind.as_deref() == Some("message_delta");
        if self.dialect == Dialect::Messages && is_delta {
            let delta = members
                .get("delta")
                .and_then(|delta| json::last_members_in(data, &delta.value, ["stop_reason"]).ok());
            let reason = delta.as_ref().and_then(|delta| raw(data, delta, "stop_reason"));
            self.stopped |= reason.is_some_and(|reason| reason != b"null");
        }
        true
    }

    /// Whether the terminal event has arrived.
    pub(super) fn has_found(&self) -> bool {
        self.found
    }

    /// Whether the response is complete, so that the stream may end.
    pub(super) fn has_stopped(&self) -> bool {
        self.found || self.stopped
    }
}

fn raw<'a, const N: usize>(data: &'a [u8], members: &Members<N>, name: &str) -> Option<&'a [u8]> {
    data.get(members.get(name)?.value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: Option<&str>, data: &'static str) -> Event {
        Event { name: name.map(str::to_owned), data: data.into() }
    }

    #[test]
    fn a_terminal_event_is_found_by_its_name_or_type() {
        for (dialect, name, data) in [
            (Dialect::Responses, Some("response.completed"), "{}"),
            (Dialect::Responses, None, r#"{"type":"response.failed"}"#),
            (Dialect::Responses, None, r#"{"Type":1,"type":"x","type":"response.failed"}"#),
            (Dialect::Responses, Some("response.done"), "{}"),
            (Dialect::Responses, None, "[DONE]"),
            (Dialect::Messages, Some("message_stop"), r#"{"type":"message_stop"}"#),
            (Dialect::Messages, Some("error"), "{}"),
            (Dialect::Messages, None, "[DONE]"),
        ] {
            let mut finder = TerminalEventFinder::new(dialect);
            assert!(finder.check(&event(Some("response.output_text.delta"), r#"{"type":"message_start"}"#)));
            assert!(!finder.has_found(), "{dialect:?}");
            assert!(finder.check(&event(name, data)));
            assert!(finder.has_found() && finder.has_stopped(), "{dialect:?} {data}");
        }
        assert!(!TerminalEventFinder::new(Dialect::Other).check(&event(None, "ping")));
    }

    #[test]
    fn a_stop_reason_completes_a_message() {
        let mut finder = TerminalEventFinder::new(Dialect::Messages);
        finder.check(&event(None, r#"{"type":"message_delta","delta":{"stop_reason":null}}"#));
        assert!(!finder.has_stopped());
        finder.check(&event(None, r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#));
        assert!(finder.has_stopped() && !finder.has_found());
        let mut finder = TerminalEventFinder::new(Dialect::Responses);
        finder.check(&event(None, r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#));
        assert!(!finder.has_stopped(), "only of a message");
    }
}
