//! Errors as clients see them: the forms of OpenAI and Anthropic, and what an upstream reports brought into them.

pub(crate) mod anthropic;
pub(crate) mod openai;
mod response;
pub(crate) mod upstream;

pub(crate) use response::render;
