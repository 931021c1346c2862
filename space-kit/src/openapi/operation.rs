//! The description of one route.

use hyper::{Method, StatusCode};
use serde_json::Value;

/// The media type and the schema of a body.
pub(crate) type Content = Option<(&'static str, Value)>;

/// `query`, `body`, or the name of a placeholder, and the schema of its type.
pub(crate) type Input = (&'static str, fn() -> Value);

/// What a route reads and returns. [`crate::routes!`] makes a table of them; only tests look at it.
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path, as in the route.
    pub path: &'static str,
    /// The handler's name. Its words are the operation's id, which generated clients use.
    pub id: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Whether a key is required.
    pub keyed: bool,
    /// What the handler reads: `query`, `body`, or the name of a placeholder, each with the schema of its type.
    pub inputs: &'static [Input],
    /// The status of the response that is no error.
    pub status: StatusCode,
    /// The content of that response.
    pub content: fn() -> Content,
}
