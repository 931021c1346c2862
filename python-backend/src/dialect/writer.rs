//! What the writers of both APIs' events have in common.

use super::output::Output;
use super::part::Part;

/// Writes the events of the parts of an answer. Each part begins, has pieces and ends before the next begins.
pub(super) trait PartWriter {
    /// A part begins. Its id and name are complete.
    fn begin(&mut self, at: usize, part: &Part, out: &mut Output);
    /// More of the text of a part has arrived.
    fn piece(&mut self, at: usize, part: &Part, piece: &str, out: &mut Output);
    /// A part ends. `reasoning_name` is the name under which the upstream sends reasoning.
    fn end(&mut self, at: usize, part: &mut Part, reasoning_name: &str, out: &mut Output);
    /// Whether the end of a part repeats its text.
    fn needs_text(&self) -> bool;
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopReason {
    Stop,
    Length,
    Filter,
    Calls,
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ending {
    pub(super) reason: StopReason,
    /// The stop sequence that ended it, as JSON text, if the upstream names it.
    pub(super) stop_sequence: Option<String>,
    pub(super) usage: TokenCounts,
}

/// Tokens of one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TokenCounts {
    pub(super) input: u64,
    /// Of `input`: read from a cache.
    pub(super) cached: u64,
    pub(super) output: u64,
    /// Of `output`: reasoning.
    pub(super) reasoning: u64,
}

/// Marks reasoning that the gateway wrote, together with the name under which the upstream sent it. An upstream that
/// speaks the API itself did not sign it, so it is removed from requests to such upstreams.
pub(super) const MARK: &str = "python-backend/";
