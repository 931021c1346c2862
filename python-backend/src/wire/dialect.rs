//! The APIs whose streams the gateway checks: what keeps such a stream alive, and how it reports an error.

use serde_json::json;
use space_kit::Error;
use space_kit::respond::to_json;

use super::sse;
use crate::errors::{anthropic, openai};

/// A comment would also be valid, but Anthropic's API sends this, and some clients count only events.
const PING: &str = "event: ping\ndata: {\"type\":\"ping\"}\n\n";

/// The API that a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `/chat/completions` and `/completions`.
    Chat,
    Responses,
    /// Anthropic's `/messages`.
    Messages,
    /// Any other path: its streams are not checked.
    Other,
}

impl Dialect {
    /// The API of a path below `/v1` that is passed through.
    pub(crate) fn of(path: &str) -> Dialect {
        match path {
            "/responses" => Dialect::Responses,
            "/messages" => Dialect::Messages,
            _ => Dialect::Other,
        }
    }

    /// What keeps a silent stream alive.
    pub(crate) fn heartbeat(self) -> &'static str {
        if self == Dialect::Messages { PING } else { sse::HEARTBEAT }
    }

    /// The event that reports an error.
    pub(crate) fn error_event(self, error: &Error) -> String {
        let data = match self {
            Dialect::Messages => anthropic::body(error),
            Dialect::Responses => to_json(&json!({
                "type": "error", "code": error.code, "message": error.message, "param": error.param,
            })),
            Dialect::Chat | Dialect::Other => return sse::data_event(&openai::body(error)),
        };
        format!("event: error\n{}", sse::data_event(&data))
    }
}
