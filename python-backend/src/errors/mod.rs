//! Errors as clients see them: OpenAI's form, and what an upstream reports brought into it.

pub(crate) mod openai;
pub(crate) mod upstream;
