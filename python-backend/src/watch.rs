//! Whether a stream of `/v1/responses` or `/v1/messages` has come to its end, which each tells by an event of
//! its own (OpenAI API reference, "Streaming events"; Anthropic API, "Streaming messages").

use crate::json_scan;
use crate::sse::Event;

/// Watches one stream.
#[derive(Debug)]
pub(crate) struct Watch {
    last: &'static [&'static str],
    error: &'static str,
    over: bool,
}

impl Watch {
    /// A watch for a path below `/v1` whose streams have a known end.
    pub(crate) fn of(path: &str) -> Option<Watch> {
        let (last, error): (&[&str], _) = match path {
            "/responses" => (
                &[
                    "response.completed",
                    "response.failed",
                    "response.incomplete",
                    "response.cancelled",
                    "error",
                ],
                r#"{"type":"error","code":"upstream_error","message":"the upstream broke off in the middle of the answer","param":null}"#,
            ),
            "/messages" => (
                &["message_stop", "error"],
                r#"{"type":"error","error":{"type":"api_error","message":"the upstream broke off in the middle of the answer"}}"#,
            ),
            _ => return None,
        };
        Some(Watch { last, error, over: false })
    }

    /// Looks at an event. Its kind is its name, or the `type` of its data.
    pub(crate) fn see(&mut self, event: &Event) {
        let is_last = |kind: &str| self.last.contains(&kind);
        let typed = || {
            let members = json_scan::last_members_in(&event.data, &(0..event.data.len()), ["type"]).ok()?;
            let raw = event.data.get(members.get("type")?.value.clone())?;
            Some(is_last(&json_scan::string(raw)?))
        };
        self.over |= event.name.as_deref().is_some_and(is_last) || typed() == Some(true);
    }

    /// Whether the last event was there.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// The event that tells of a cut, in the stream's own form.
    pub(crate) fn error_event(&self) -> String {
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
    fn a_stream_is_over_with_its_last_event_named_or_typed() {
        for (path, name, data) in [
            ("/responses", Some("response.completed"), "{}"),
            ("/responses", None, r#"{"type":"response.failed"}"#),
            ("/responses", None, r#"{"Type":1,"type":"x","type":"response.failed"}"#),
            ("/messages", Some("message_stop"), r#"{"type":"message_stop"}"#),
            ("/messages", Some("error"), "{}"),
        ] {
            let mut watch = Watch::of(path).unwrap();
            watch.see(&event(Some("response.output_text.delta"), r#"{"type":"message_start"}"#));
            assert!(!watch.is_over(), "{path}");
            watch.see(&event(name, data));
            assert!(watch.is_over(), "{path} {data}");
        }
        assert!(Watch::of("/files").is_none());
    }
}
