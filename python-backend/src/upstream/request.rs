//! A request as it is sent to an upstream.

use std::time::Instant;

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderMap;

use crate::access::PayerToken;
use crate::dialect::Translation;
use crate::limits::Reservation;

/// Suffixes of a model's name that select how the Hugging Face router chooses a provider. They are not pins.
const POLICIES: [&str; 3] = ["fastest", "cheapest", "preferred"];

/// A request as it is sent to any upstream of a group.
pub(crate) struct UpstreamRequest {
    pub(crate) method: Method,
    /// The path below the upstream's base path, and the query: `/chat/completions`.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The model in `body` without its provider's pin, if it has one.
    pub(crate) model_without_pin: Option<String>,
    /// The gateway added `stream_options` to `body`.
    pub(crate) adds_options: bool,
    pub(crate) expect: Expect,
    /// The model in `body`, or "". Health and attempts are counted by it.
    pub(crate) model: String,
    /// The client has sent it before, so it repeats requests itself.
    pub(crate) client_repeats: bool,
    /// Whether it may be sent again after an upstream may have processed it. False for what creates or deletes
    /// something: a repetition could create or bill it twice.
    pub(crate) repeatable: bool,
    /// Requests with the same affinity go to the same one of several replicas.
    pub(crate) affinity: u64,
    /// For the whole response or the begin of a stream, all attempts together.
    pub(crate) deadline: Instant,
    /// For an API that an upstream may lack: the request as a chat request.
    pub(crate) translation: Option<Translation>,
    /// Empty; what is held of the response is reserved beside it.
    pub(crate) held: Reservation,
    /// What the caller pays with. `None`: the operator pays, with the upstreams' keys.
    pub(crate) payer: Option<PayerToken>,
}

/// The kind of response that is expected. It decides how much of a response is read before the attempt has
/// succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// Events of a checked stream: read up to the first event.
    Events,
    /// A JSON response: read to its end.
    Whole,
    /// Anything: read the head.
    Head,
}

/// A model's name without the provider's pin at its end, if it has one.
pub(crate) fn without_pin(model: &str) -> Option<&str> {
    let (bare, pin) = model.rsplit_once(':')?;
    (!bare.is_empty() && !pin.is_empty() && !POLICIES.contains(&pin)).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_provider_and_not_a_policy() {
        assert_eq!(without_pin("org/model:groq"), Some("org/model"));
        for whole in ["org/model", "org/model:fastest", "org/model:cheapest", "org/model:", ":groq"] {
            assert_eq!(without_pin(whole), None, "{whole}");
        }
    }
}
