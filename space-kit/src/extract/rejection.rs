//! What a client is told if its input does not fit a type.

use std::fmt;

use hyper::StatusCode;

use crate::service::error::Error;

/// The most characters of a name or a message that a response and the log repeat.
const MAX_CHARS: usize = 200;

/// Why values do not fit a type, and the field if it is known.
#[derive(Debug)]
pub(crate) struct InputError {
    pub(crate) field: String,
    pub(crate) message: String,
}

impl InputError {
    /// The same error in a field, unless it has one already.
    pub(crate) fn within(mut self, field: &str) -> InputError {
        if self.field.is_empty() {
            field.clone_into(&mut self.field);
        }
        self
    }
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for InputError {}

impl serde::de::Error for InputError {
    fn custom<T: fmt::Display>(message: T) -> InputError {
        InputError { field: String::new(), message: message.to_string() }
    }
}

/// 400 with a message.
pub(crate) fn invalid(message: String) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "invalid", message)
}

/// The error for what serde says about a field; `whole` names the input if it says nothing about a field. What the
/// client sent is left out, except the names of fields: it may be a secret, and the message is logged.
pub(crate) fn reject(whole: &str, field: &str, message: &str) -> Error {
    let (member, what) = explain(message);
    let mut field = field.to_owned();
    if let Some(member) = member {
        field = if field.is_empty() { member.to_owned() } else { format!("{field}.{member}") };
    }
    let (field, what) = (clip(&field), clip(&what));
    if field.is_empty() {
        return invalid(format!("{whole}: {what}"));
    }
    invalid(format!("{field}: {what}")).param(field)
}

/// The member that one of serde's messages is about, if it names one, and what is wrong.
fn explain(message: &str) -> (Option<&str>, String) {
    let quoted = |prefix: &str| message.strip_prefix(prefix)?.strip_suffix('`');
    if let Some(name) = quoted("missing field `") {
        return (Some(name), "is required".to_owned());
    }
    if let Some(name) = quoted("duplicate field `") {
        return (Some(name), "is given twice".to_owned());
    }
    // The last one, because the client may have sent the same words.
    let expected = message.rsplit_once(", expected ");
    if let Some(unknown) = message.strip_prefix("unknown field `") {
        return match expected {
            Some((before, names)) => {
                let name = before.strip_prefix("unknown field `").and_then(|name| name.strip_suffix('`'));
                (name, format!("is not known; expected {names}"))
            }
            None => (unknown.strip_suffix("`, there are no fields"), "is not known".to_owned()),
        };
    }
    match expected {
        Some((_, what)) => (None, format!("expected {}", plain(what))),
        None => (None, message.to_owned()), // of the type's own
    }
}

/// What serde expects, for readers who do not know Rust.
fn plain(expected: &str) -> &str {
    match expected {
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number of at least 0",
        "i8" => "a whole number from -128 to 127",
        "i16" => "a whole number from -32768 to 32767",
        "i32" => "a whole number from -2147483648 to 2147483647",
        "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a map" => "an object",
        _ if expected.starts_with("struct ") => "an object",
        _ => expected,
    }
}

fn clip(text: &str) -> String {
    text.chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_a_client_chose_is_cut() {
        let name = "é".repeat(1000);
        let error = reject("the body", "", &format!("unknown field `{name}`, expected `a`"));
        assert_eq!(error.param.as_deref(), Some(&*"é".repeat(MAX_CHARS)));
        let error = reject("the body", "", &format!("unknown field `{name}`, there are no fields"));
        assert_eq!(error.param.as_deref(), Some(&*"é".repeat(MAX_CHARS)));
    }

    #[test]
    fn a_message_of_the_type_itself_is_kept() {
        let error = reject("the body", "day", "the shop is closed on Sundays");
        assert_eq!(error.message, "day: the shop is closed on Sundays");
    }
}
