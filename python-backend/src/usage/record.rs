//! What one response used. The record is counted and logged when the response ends, however it ends.

use std::sync::Arc;

use space_kit::header::HeaderValue;
use space_kit::{Log, Value};

use super::tokens::Usage;
use super::totals::UsageTotals;

/// The usage of one response. Dropping it adds it to the totals and the log, if the response had begun.
pub(crate) struct UsageRecord {
    totals: Arc<UsageTotals>,
    log: Log,
    id: HeaderValue,
    caller: String,
    model: String,
    /// The response has begun.
    pub(crate) begun: bool,
    /// Usage as the upstream reports it.
    pub(crate) reported: Option<Usage>,
    /// Chunks with content: the completion tokens of an upstream that reports no usage.
    pub(crate) content_chunks: u64,
}

impl UsageRecord {
    /// A record for one request: its id, the caller's label, and the model by the name the caller used.
    pub(crate) fn new(
        totals: Arc<UsageTotals>,
        log: Log,
        id: HeaderValue,
        caller: &str,
        model: &str,
    ) -> UsageRecord {
        let (caller, model) = (caller.to_owned(), model.to_owned());
        UsageRecord { totals, log, id, caller, model, begun: false, reported: None, content_chunks: 0 }
    }
}

impl UsageRecord {
    /// Logs the types of the tools that a translation dropped.
    pub(crate) fn log_dropped_tools(&self, tools: &str) {
        let id = self.id.to_str().unwrap_or_default();
        self.log.warn("tools_dropped", &[("request_id", Value::Str(id)), ("tools", Value::Str(tools))]);
    }
}

impl Drop for UsageRecord {
    fn drop(&mut self) {
        if !self.begun {
            return;
        }
        let counted = Usage { completion_tokens: Some(self.content_chunks), ..Usage::default() };
        let usage = self.reported.unwrap_or(counted);
        self.totals.add(&self.caller, &self.model, usage);
        self.log.info(
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
