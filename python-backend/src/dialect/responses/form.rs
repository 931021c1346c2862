//! What the parts of a response have in common.

use crate::dialect::tools::ToolNames;

/// What all JSON of one response has in common.
#[derive(Debug)]
pub(in crate::dialect) struct ResponseForm {
    /// The part of all ids that is unique.
    pub(in crate::dialect) seed: String,
    /// Unix time in seconds.
    pub(in crate::dialect) created: u64,
    /// The requested model, as JSON text.
    pub(in crate::dialect) model: String,
    pub(in crate::dialect) tools: ToolNames,
}
