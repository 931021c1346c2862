//! `--env-file FILE`: a `.env` file, read into a map. The process environment takes precedence over it.
//!
//! `NAME=value` lines, blank lines, `# comments`, an optional `export`. A value in single quotes is
//! literal; in double quotes `\n`, `\"`, `\\` and `\$` are escapes; both may span lines. Variables are not substituted.
//! This is our own parser, because a library would repeat the line of an error, which may hold a secret, and adds
//! 10 KB.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// Names and values.
pub(crate) type Values = BTreeMap<String, OsString>;

/// Why a file cannot be used. It names file and line and never repeats the line, because that may hold a secret.
#[derive(Debug)]
pub(crate) enum EnvFileError {
    /// It cannot be read.
    Unreadable(PathBuf, io::Error),
    /// The entry that begins at this line is malformed.
    Malformed(PathBuf, usize),
}

impl fmt::Display for EnvFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EnvFileError::Unreadable(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            EnvFileError::Malformed(path, line) => write!(
                f,
                "{}: line {line} is not NAME=value (quote a value that has spaces, and close the quote)",
                path.display()
            ),
        }
    }
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Values, EnvFileError> {
    let text = fs::read_to_string(path).map_err(|error| EnvFileError::Unreadable(path.to_owned(), error))?;
    parse(&text).map_err(|line| EnvFileError::Malformed(path.to_owned(), line))
}

/// Parses a file's text.
///
/// # Errors
///
/// The number of the line at which the first malformed entry begins.
pub(crate) fn parse(text: &str) -> Result<Values, usize> {
    let whole = text.strip_prefix('\u{feff}').unwrap_or(text); // some editors write a byte order mark
    let mut values = Values::new();
    let mut rest = whole;
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            rest = after;
            continue;
        }
        let before = || whole.strip_suffix(rest).unwrap_or("");
        let begins_at = || before().matches('\n').count().saturating_add(1);
        let (name, value, after) = entry(rest).ok_or_else(begins_at)?;
        values.insert(name.to_owned(), value.into());
        rest = after;
    }
    Ok(values)
}

/// One entry: its name, its value, and the text after its last line.
fn entry(text: &str) -> Option<(&str, String, &str)> {
    let text = text.trim_start();
    let text = text.strip_prefix("export ").map_or(text, str::trim_start);
    let (name, text) = text.split_once('=')?;
    let name = name.trim_end_matches([' ', '\t']);
    let first = name.bytes().next()?;
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
    if first.is_ascii_digit() || first == b'.' || !name.bytes().all(word) {
        return None;
    }
    let text = text.trim_start_matches([' ', '\t']);
    let (value, text) = match text.chars().next() {
        Some('\'') => {
            let (value, text) = text.get(1..)?.split_once('\'')?;
            (value.to_owned(), text)
        }
        Some('"') => escaped(text.get(1..)?)?,
        _ => {
            let end = text.find(char::is_whitespace).unwrap_or(text.len());
            let (value, text) = text.split_at_checked(end)?;
            (Some(value).filter(|value| !value.contains(['\\', '"', '\''])).map(str::to_owned)?, text)
        }
    };
    let (tail, after) = text.split_once('\n').unwrap_or((text, ""));
    let comment = tail.trim();
    (comment.is_empty() || (comment.starts_with('#') && tail != comment)).then_some((name, value, after))
}

/// A value up to its closing double quote, and the text after it.
fn escaped(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        value.push(match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => match chars.next()? {
                'n' => '\n',
                c @ ('"' | '\\' | '$' | '\'') => c,
                _ => return None,
            },
            c => c,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_quotes_and_exports_are_parsed() {
        let values = parse("# a comment\nPORT=8000\nexport A='b c' # why\n\nEMPTY=\n").unwrap();
        assert_eq!(values["PORT"], "8000");
        assert_eq!(values["A"], "b c");
        assert_eq!(values["EMPTY"], "");
    }

    #[test]
    fn a_malformed_entry_is_reported_with_the_line_at_which_it_begins() {
        for (line, text) in [
            (2, "PORT=8000\nHF_TOKEN hf_secret\n"),
            (3, "# A B\n\nTOKEN=A B\n"),
            (2, "A=1\nTOKEN='not closed\nB=2\n\n"),
            (4, "A='one\ntwo'\n\nTOKEN=\"not closed"),
            (5, "A='one\n\ntwo'\n\nB='three\nfour' five"),
        ] {
            assert_eq!(parse(text), Err(line), "{text}");
        }
    }
}
