//! What an answer used, counted and logged once it is over, however it ends.

use std::sync::Arc;

use space_kit::header::HeaderValue;
use space_kit::{Running, Value};

use crate::access::Caller;
use crate::chunk::Usage;
use crate::config::State;

/// What an answer told of itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Usage as the upstream says it.
    pub(crate) usage: Option<Usage>,
    /// Chunks with content, for upstreams that do not say their usage.
    pub(crate) content_chunks: u64,
}

/// One answer's account. It is settled when it is dropped, if there was an answer.
pub(crate) struct Bill {
    running: Arc<Running<State>>,
    id: HeaderValue,
    caller: String,
    model: String,
    /// There is an answer, or the beginning of one.
    pub(crate) answered: bool,
    pub(crate) tally: Tally,
}

impl Bill {
    /// An account of what this caller asks of this model, by the name that they gave it.
    pub(crate) fn new(running: Arc<Running<State>>, id: HeaderValue, caller: &Caller, model: &str) -> Bill {
        let (caller, model) = (caller.label.clone(), model.to_owned());
        Bill { running, id, caller, model, answered: false, tally: Tally::default() }
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        if !self.answered {
            return;
        }
        let counted = Usage { completion_tokens: Some(self.tally.content_chunks), ..Usage::default() };
        let usage = self.tally.usage.unwrap_or(counted);
        self.running.state.meter.add(&self.caller, &self.model, usage);
        self.running.kit.log.info(
            "usage",
            &[
                ("request_id", Value::Str(self.id.to_str().unwrap_or_default())),
                ("caller", Value::Str(&self.caller)),
                ("model", Value::Str(&self.model)),
                ("prompt_tokens", Value::Int(usage.prompt_tokens.unwrap_or(0))),
                ("completion_tokens", Value::Int(usage.completion_tokens.unwrap_or(0))),
            ],
        );
    }
}
