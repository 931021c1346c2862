//! The log line of a crash: put together in a buffer on the stack and written by one system call that cannot block.

use std::fmt::{self, Write};
use std::time::SystemTime;

use crate::observe::log::{Format, cut, quote};
use crate::observe::stderr;

const CAPACITY: usize = 2560;
/// Bytes of a text. Escaped, it takes up to six times as much, and leaves room for the fields after it.
const LONGEST_TEXT: usize = 300;

/// A line without an allocation. What does not fit is left out.
pub(crate) struct Line {
    format: Format,
    bytes: [u8; CAPACITY],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.length..).and_then(|rest| rest.get_mut(..text.len()));
        room.ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}

impl Line {
    /// The beginning of an error line.
    pub(crate) fn new(format: Format, message: &str) -> Line {
        let mut line = Line { format, bytes: [0; CAPACITY], length: 0 };
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        _ = match format {
            Format::Json => write!(line, r#"{{"time":"{time}","level":"error","message":"{message}""#),
            Format::Text => write!(line, "{time} ERROR {message}"),
        };
        line
    }

    /// Adds a field. `value` holds nothing that has to be escaped.
    pub(crate) fn plain(&mut self, name: &str, value: &dyn fmt::Display) {
        _ = match self.format {
            Format::Json => write!(self, r#","{name}":"{value}""#),
            Format::Text => write!(self, " {name}={value}"),
        };
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, name: &str, value: u64) {
        _ = match self.format {
            Format::Json => write!(self, r#","{name}":{value}"#),
            Format::Text => write!(self, " {name}={value}"),
        };
    }

    /// Adds any text.
    pub(crate) fn text(&mut self, name: &str, value: &str) {
        _ = match self.format {
            Format::Json => write!(self, r#","{name}":"#),
            Format::Text => write!(self, " {name}="),
        };
        quote(self, cut(value, LONGEST_TEXT));
    }

    /// Ends the line and writes it to standard error, with the text at `request_id` as a last field. The line is dropped
    /// if standard error takes nothing now.
    pub(crate) fn send(mut self, request_id: Option<(*const u8, usize)>) {
        let (before, after) = match self.format {
            Format::Json => (r#","request_id":""#, "\"}\n"),
            Format::Text => (" request_id=", "\n"),
        };
        let (id, after) = match request_id {
            Some(id) => {
                _ = self.write_str(before);
                (id, after)
            }
            None => ((self.bytes.as_ptr(), 0), if self.format == Format::Json { "}\n" } else { "\n" }),
        };
        stderr::write(&[
            stderr::part(self.bytes.as_ptr(), self.length),
            stderr::part(id.0, id.1),
            stderr::part(after.as_ptr(), after.len()),
        ]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: &Line) -> &str {
        str::from_utf8(&line.bytes[..line.length]).unwrap()
    }

    #[test]
    fn a_long_panic_message_leaves_room_for_the_fields_after_it() {
        for format in [Format::Json, Format::Text] {
            let mut line = Line::new(format, "panic");
            line.text("cause", &"é\n".repeat(1000));
            line.number("restarts", 7);
            let ending = if format == Format::Json { ",\"restarts\":7" } else { " restarts=7" };
            assert!(text(&line).ends_with(ending), "{}", text(&line));
            assert!(line.length < CAPACITY - 200, "room for an id of 128 bytes");
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut line = Line::new(Format::Json, "panic");
        (0..10).for_each(|_| line.text("cause", &"\u{202e}".repeat(100)));
        assert!(line.length <= CAPACITY);
    }
}
