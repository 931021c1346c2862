//! What the translation of a request hands over to the translator of its response.

use bytes::Bytes;

use super::tools::ToolNames;
use crate::wire::dialect::Dialect;

/// What the response needs besides the request.
#[derive(Debug)]
pub(crate) struct ResponseContext {
    /// The request's id, which makes ids unique.
    pub(crate) id: String,
    /// Unix time in seconds.
    pub(crate) created: u64,
    /// The model as the client named it.
    pub(crate) model: String,
    /// The longest response, in bytes.
    pub(crate) limit: usize,
}

/// A request as a chat request, and what its response needs.
#[derive(Debug)]
pub(crate) struct ChatForm {
    /// The body of the chat request.
    pub(crate) body: Bytes,
    /// Types of hosted tools, which no upstream can run here and which `body` lacks.
    pub(crate) dropped_tools: Vec<String>,
    pub(super) dialect: Dialect,
    pub(super) tools: ToolNames,
    /// The tokens of the request, estimated; 0 for `/v1/responses`, which needs no estimate.
    pub(super) estimate: u64,
}
