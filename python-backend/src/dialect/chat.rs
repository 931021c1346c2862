//! Members of a chat request that both APIs need.

use std::fmt::Write;

use space_kit::{Error, StatusCode};

use super::raw::{Fields, Raw};

/// The error for a request that needs something that is stored elsewhere.
pub(super) fn not_stored(param: &'static str, message: &'static str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "unsupported_parameter", message).param(param)
}

/// Copies members that the chat request has under the same name. Each needs a member before it.
pub(super) fn pass_members(from: &Fields<'_>, names: &[&str], out: &mut String) {
    for name in names {
        if let Some(value) = from.get(name) {
            _ = write!(out, r#","{name}":{}"#, value.text());
        }
    }
}

/// Adds the effort of reasoning. Chat completions know no more than `high` everywhere.
pub(super) fn add_effort(effort: Raw<'_>, out: &mut String) {
    match effort.inner() {
        Some(effort @ ("none" | "minimal" | "low" | "medium")) => {
            _ = write!(out, r#","reasoning_effort":"{effort}""#);
        }
        Some(_) => out.push_str(r#","reasoning_effort":"high""#),
        None => {}
    }
}

/// Adds a function. The caller closes the list.
pub(super) fn add_tool(
    name: &str,
    description: &str,
    parameters: &str,
    strict: Option<Raw<'_>>,
    is_first: bool,
    out: &mut String,
) {
    out.push_str(if is_first { r#","tools":["# } else { "," });
    _ = write!(
        out,
        r#"{{"type":"function","function":{{"name":"{name}","description":"{description}","parameters":{parameters}"#
    );
    if let Some(strict) = strict {
        _ = write!(out, r#","strict":{}"#, strict.text());
    }
    out.push_str("}}");
}
