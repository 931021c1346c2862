//! What is wrong with a JSON text, and where.

use std::fmt;

/// What is wrong with a JSON text, and where. The message is for the client that sent the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScanError {
    problem: Problem,
    line: usize,
    column: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// What was expected.
    Syntax(&'static str),
    /// This key is repeated.
    DuplicateKey(&'static str),
    /// This key is spelled in another case.
    WrongCase(&'static str),
}

impl ScanError {
    pub(crate) fn new(text: &[u8], at: usize, problem: Problem) -> ScanError {
        let before = text.get(..at).unwrap_or(text);
        let line = before.iter().filter(|&&b| b == b'\n').count().saturating_add(1);
        let in_line = before.rsplit(|&b| b == b'\n').next().unwrap_or_default();
        let column = in_line.iter().filter(|&&b| b & 0xC0 != 0x80).count().saturating_add(1);
        ScanError { problem, line, column }
    }

    /// The key that is repeated or spelled in another case, if that is the problem.
    pub(crate) fn key(&self) -> Option<&'static str> {
        match self.problem {
            Problem::Syntax(_) => None,
            Problem::DuplicateKey(key) | Problem::WrongCase(key) => Some(key),
        }
    }
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problem {
            Problem::Syntax(expected) => f.write_str(expected)?,
            Problem::DuplicateKey(key) => write!(f, "the key {key:?} must not be repeated; found again")?,
            Problem::WrongCase(key) => write!(f, "the key {key:?} must be written in lower case; found")?,
        }
        write!(f, " at line {} column {}", self.line, self.column)
    }
}
