//! One line per event on standard error, as JSON or text. Lines have no queries, bodies or secrets.

use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime};

use crate::observe::stderr;

/// Bytes of a line for all but its texts: names, numbers, the end.
const REST: usize = 400;
/// The most bytes that one byte of a text takes when it is escaped.
const ESCAPED: usize = 6;

/// How severe a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something is broken, and an operator should look.
    Error,
    /// A request failed, or a setting does not apply.
    Warn,
    /// Start, stop, and one line per request.
    Info,
    /// Also health checks and details of connections.
    Debug,
}

impl Level {
    /// Parses `error`, `warn`, `info` or `debug`, in any case.
    pub fn parse(text: &str) -> Option<Level> {
        [Level::Error, Level::Warn, Level::Info, Level::Debug]
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(text))
    }

    fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// `time LEVEL message name=value …`.
    Text,
}

impl Format {
    /// Parses `json` or `text`, in any case.
    pub fn parse(text: &str) -> Option<Format> {
        match text.to_ascii_lowercase().as_str() {
            "json" => Some(Format::Json),
            "text" => Some(Format::Text),
            _ => None,
        }
    }
}

/// A field's value. Text is escaped in both formats, so that it cannot break the line.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    /// Any text.
    Str(&'a str),
    /// A count or a size.
    Int(u64),
    /// A time, written in milliseconds with three decimals.
    Millis(Duration),
    /// Any displayable value, such as an address or an error.
    Show(&'a dyn fmt::Display),
}

/// Named values behind a message.
pub type Fields<'a> = &'a [(&'a str, Value<'a>)];

/// Writes lines to standard error.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    level: Level,
    format: Format,
}

impl Log {
    /// A log that writes lines at least as severe as `level`.
    pub fn new(level: Level, format: Format) -> Log {
        Log { level, format }
    }

    /// How its lines are written.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether a line of this level would be written.
    pub fn enabled(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Writes one line, or drops it if standard error takes nothing now: no reader of a log may stop a service.
    pub fn write(&self, level: Level, message: &str, fields: Fields<'_>) {
        if self.enabled(level) {
            let line = self.line(SystemTime::now(), level, message, fields);
            stderr::write(&[stderr::part(line.as_ptr(), line.len())]);
        }
    }

    /// [`Log::write`] at [`Level::Error`].
    pub fn error(&self, message: &str, fields: Fields<'_>) {
        self.write(Level::Error, message, fields);
    }

    /// [`Log::write`] at [`Level::Warn`].
    pub fn warn(&self, message: &str, fields: Fields<'_>) {
        self.write(Level::Warn, message, fields);
    }

    /// [`Log::write`] at [`Level::Info`].
    pub fn info(&self, message: &str, fields: Fields<'_>) {
        self.write(Level::Info, message, fields);
    }

    /// [`Log::write`] at [`Level::Debug`].
    pub fn debug(&self, message: &str, fields: Fields<'_>) {
        self.write(Level::Debug, message, fields);
    }

    pub(crate) fn line(&self, now: SystemTime, level: Level, message: &str, fields: Fields<'_>) -> String {
        let time = humantime::format_rfc3339_millis(now);
        let mut line = String::with_capacity(256);
        _ = match self.format {
            Format::Json => write!(line, r#"{{"time":"{time}","level":"{}","message":"#, level.name()),
            Format::Text => write!(line, "{time} {:5} {message}", level.name().to_ascii_uppercase()),
        };
        if self.format == Format::Json {
            quote(&mut line, message);
        }
        for (name, value) in fields {
            _ = match self.format {
                Format::Json => write!(line, ",\"{name}\":"),
                Format::Text => write!(line, " {name}="),
            };
            match value {
                Value::Int(number) => _ = write!(line, "{number}"),
                Value::Millis(time) => {
                    _ = write!(line, "{}.{:03}", time.as_millis(), time.subsec_micros() % 1000)
                }
                Value::Str(text) => self.text(&mut line, text),
                Value::Show(shown) => self.text(&mut line, &shown.to_string()),
            }
        }
        line.push_str(if self.format == Format::Json { "}\n" } else { "\n" });
        line
    }

    /// Appends a text, which is cut if the line could become longer than standard error takes at once.
    fn text(&self, line: &mut String, text: &str) {
        let text = cut(text, stderr::LONGEST.saturating_sub(REST + line.len()) / ESCAPED);
        let plain = |b: u8| b.is_ascii_graphic() && !b"\"\\=".contains(&b);
        if self.format == Format::Text && !text.is_empty() && text.bytes().all(plain) {
            line.push_str(text);
        } else {
            quote(line, text);
        }
    }
}

/// The text up to this many bytes.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    text.get(..end.unwrap_or(0)).unwrap_or("")
}

/// Appends `text` as a JSON string. Control characters are escaped, including those that move a terminal's cursor or
/// reverse the direction of text.
pub(crate) fn quote(line: &mut impl fmt::Write, text: &str) {
    _ = line.write_char('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => _ = write!(line, "\\{c}"),
            '\n' => _ = line.write_str("\\n"),
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => _ = write!(line, "\\u{:04x}", u32::from(c)),
            c if c.is_control() => _ = write!(line, "\\u{:04x}", u32::from(c)),
            c => _ = line.write_char(c),
        }
    }
    _ = line.write_char('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: Format, fields: Fields<'_>) -> String {
        Log::new(Level::Info, format).line(SystemTime::UNIX_EPOCH, Level::Info, "request", fields)
    }

    #[test]
    fn a_json_line_is_one_object_with_time_level_and_message() {
        let fields: Fields<'_> = &[
            ("path", Value::Str("/a\n\"b")),
            ("status", Value::Int(200)),
            ("ms", Value::Millis(Duration::from_micros(250))),
        ];
        assert_eq!(
            line(Format::Json, fields),
            "{\"time\":\"1970-01-01T00:00:00.000Z\",\"level\":\"info\",\"message\":\"request\",\
             \"path\":\"/a\\n\\\"b\",\"status\":200,\"ms\":0.250}\n"
        );
    }

    #[test]
    fn a_text_line_quotes_a_value_that_looks_like_another_field() {
        let fields: Fields<'_> = &[("path", Value::Str("/a status=500\n")), ("client", Value::Str("::1"))];
        assert_eq!(
            line(Format::Text, fields),
            "1970-01-01T00:00:00.000Z INFO  request path=\"/a status=500\\n\" client=::1\n"
        );
    }

    #[test]
    fn a_line_of_long_texts_fits_into_one_write() {
        let long = "\u{202e}\n\u{9b}é".repeat(2000);
        let fields: Fields<'_> =
            &["path", "cause", "model", "caller", "error"].map(|name| (name, Value::Str(&long)));
        for format in [Format::Json, Format::Text] {
            let line = line(format, fields);
            assert!(line.len() <= stderr::LONGEST && line.ends_with('\n'), "{}", line.len());
            assert!(line.contains("error"), "the last field is there");
        }
        let whole: serde_json::Value = serde_json::from_str(&line(Format::Json, fields)).unwrap();
        assert!(whole["path"].as_str().unwrap().len() > 300, "{whole}");
    }

    #[test]
    fn a_level_hides_less_severe_lines() {
        let log = Log::new(Level::Warn, Format::Text);
        assert!(log.enabled(Level::Error) && log.enabled(Level::Warn) && !log.enabled(Level::Info));
    }
}
