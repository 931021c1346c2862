//! An upstream's answer on its way to the client: whole, as a stream of events, or passed through.

pub(crate) mod embeddings;
pub(crate) mod passthrough;
mod relay;
pub(crate) mod stream;
mod terminal_event;
pub(crate) mod whole;
