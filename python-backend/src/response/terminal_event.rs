//! The terminal event of a stream of `/v1/responses` or `/v1/messages` (OpenAI API reference, "Streaming
//! events"; Anthropic API, "Streaming messages").

use crate::json;
use crate::wire::sse::Event;

/// Finds the terminal event of one stream.
#[derive(Debug)]
pub(super) struct TerminalEventFinder {
    last: &'static [&'static str],
    error: &'static str,
    found: bool,
}

impl TerminalEventFinder {
    /// A finder for a path below `/v1`, if its streams have known terminal events.
    pub(super) fn of(path: &str) -> Option<TerminalEventFinder> {
        let (last, error): (&[&str], _) = match path {
            "/responses" => (
                &[
                    "response.completed",
                    "response.failed",
                    "response.incomplete",
                    "response.cancelled",
                    "error",
                ],
                r#"{"type":"error","code":"upstream_error","message":"the upstream broke off in the middle of the response","param":null}"#,
            ),
            "/messages" => (
                &["message_stop", "error"],
                r#"{"type":"error","error":{"type":"api_error","message":"the upstream broke off in the middle of the response"}}"#,
            ),
            _ => return None,
        };
        Some(TerminalEventFinder { last, error, found: false })
    }

    /// Checks an event. Its kind is its name, or the `type` of its data.
    pub(super) fn check(&mut self, event: &Event) {
        let is_last = |kind: &str| self.last.contains(&kind);
        let typed = || {
            let members = json::last_members_in(&event.data, &(0..event.data.len()), ["type"]).ok()?;
            let raw = event.data.get(members.get("type")?.value.clone())?;
            Some(is_last(&json::string(raw)?))
        };
        self.found |= event.name.as_deref().is_some_and(is_last) || typed() == Some(true);
    }

    /// Whether the terminal event has arrived.
    pub(super) fn has_found(&self) -> bool {
        self.found
    }

    /// An error event for a stream that broke off, in the stream's own form.
    pub(super) fn error_event(&self) -> String {
        format!("event: error\ndata: {}\n\n", self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: Option<&str>, data: &'static str) -> Event {
        Event { name: name.map(str::to_owned), data: data.into() }
    }

    #[test]
    fn a_terminal_event_is_found_by_its_name_or_type() {
        for (path, name, data) in [
            ("/responses", Some("response.completed"), "{}"),
            ("/responses", None, r#"{"type":"response.failed"}"#),
            ("/responses", None, r#"{"Type":1,"type":"x","type":"response.failed"}"#),
            ("/messages", Some("message_stop"), r#"{"type":"message_stop"}"#),
            ("/messages", Some("error"), "{}"),
        ] {
            let mut finder = TerminalEventFinder::of(path).unwrap();
            finder.check(&event(Some("response.output_text.delta"), r#"{"type":"message_start"}"#));
            assert!(!finder.has_found(), "{path}");
            finder.check(&event(name, data));
            assert!(finder.has_found(), "{path} {data}");
        }
        assert!(TerminalEventFinder::of("/files").is_none());
    }
}
