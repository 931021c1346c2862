//! Which field of a JSON text an error is about. serde_json knows the error's line and column, but not its field.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use std::fmt::Write as _;

/// The depth down to which a field is named. serde_json reads no deeper, except what it skips.
const MAX_DEPTH: usize = 128;

/// An object or a list that the place is in.
enum Level<'t> {
    /// The member's name, raw, and whether its colon was read.
    Object(&'t [u8], bool),
    /// The element's number.
    List(usize),
}

/// The path, such as `items[1].count`, of the value at a line and column as serde_json counts them: lines from 1, and
/// the bytes that were read of the line. Empty for the whole text, or if the text is not JSON.
pub(crate) fn field_at(text: &[u8], line: usize, column: usize) -> String {
    let before = text.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
    let start = before.fold(0usize, |sum, line| sum.saturating_add(line.len()));
    path(text.get(..start.saturating_add(column)).unwrap_or(text))
}

/// The path of the place where `text` ends.
fn path(text: &[u8]) -> String {
    let (mut levels, mut depth, mut rest) = (Vec::new(), 0usize, text);
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let here = if depth == levels.len() { levels.last_mut() } else { None };
        match (first, here) {
            (b'"', here) => {
                let end = string_end(rest);
                let (string, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                rest = after.get(1..).unwrap_or_default();
                if let Some(Level::Object(name, false)) = here {
                    *name = string;
                }
            }
            (b':', Some(Level::Object(_, colon))) => *colon = true,
            (b',', Some(Level::Object(name, colon))) => (*name, *colon) = (&[], false),
            (b',', Some(Level::List(number))) => *number = number.saturating_add(1),
            (b'{' | b'[', _) => {
                if depth == levels.len() && depth < MAX_DEPTH {
                    levels.push(if *first == b'{' { Level::Object(&[], false) } else { Level::List(0) });
                }
                depth = depth.saturating_add(1);
            }
            (b'}' | b']', _) => {
                depth = depth.saturating_sub(1);
                levels.truncate(depth);
            }
            _ => {}
        }
    }
    render(&levels)
}

/// Where the string ends that `text` continues: the position of its closing quotation mark.
fn string_end(text: &[u8]) -> usize {
    let mut escaped = false;
    let closing = text.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    });
    closing.unwrap_or(text.len())
}

fn render(levels: &[Level<'_>]) -> String {
    let mut path = String::new();
    for level in levels {
        match level {
            Level::Object(name, true) => {
                let dot = if path.is_empty() { "" } else { "." };
                let _ = write!(path, "{dot}{}", String::from_utf8_lossy(name));
            }
            Level::Object(_, false) => {}
            Level::List(number) => {
                let _ = write!(path, "[{number}]");
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_json_has_a_path() {
        for (text, expected) in [
            ("", ""),
            ("[", "[0]"),
            ("[1,2", "[1]"),
            (r#"{"a":1"#, "a"),
            (r#"{"a":1}"#, ""),
            (r#"{"a":1,"b""#, ""),
            (r#"{"a":{"b":[[],[{"c":"#, "a.b[1][0].c"),
            (r#"{"a\"":"]},","b":"#, "b"),
        ] {
            assert_eq!(path(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_takes_no_memory_for_each_level() {
        let deep = "[".repeat(100_000);
        assert_eq!(path(deep.as_bytes()), "[0]".repeat(MAX_DEPTH));
        let closed = deep + &"]".repeat(99_999) + ",";
        assert_eq!(path(closed.as_bytes()), "[1]");
    }
}
