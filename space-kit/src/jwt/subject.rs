//! The subject rule: what a valid `sub` is.

/// The longest subject, in bytes (OpenID Connect Core section 2).
pub const MAX_SUBJECT: usize = 255;

/// Whether a `sub` has 1 to [`MAX_SUBJECT`] bytes and no control characters. Subjects are written to logs, where a line
/// end or an escape sequence would forge a line.
pub fn is_subject(subject: &str) -> bool {
    (1..=MAX_SUBJECT).contains(&subject.len()) && !subject.chars().any(char::is_control)
}
