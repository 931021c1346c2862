//! Server-sent events (HTML standard, section 9.2): read from an upstream in pieces of any size, and written
//! in the one form that every client reads. Comments, `id:` and `retry:` lines and events whose data is only
//! white space are dropped, because they make some clients fail.

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

/// A comment that keeps a silent stream alive.
pub(crate) const HEARTBEAT: &str = ": keep-alive\n\n";
/// The event that ends a stream. `huggingface_hub` needs the space.
pub(crate) const DONE: &str = "data: [DONE]\n\n";

/// Sets the headers of a streamed response.
pub(crate) fn set_headers(headers: &mut HeaderMap) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Stops proxies such as nginx from buffering the stream.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
}

/// An event without a name, with one line of data.
pub(crate) fn data_event(data: &str) -> String {
    format!("data: {data}\n\n")
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// The `event:` field, if it is present and not empty.
    pub(crate) name: Option<String>,
    /// The `data:` lines, joined by line feeds.
    pub(crate) data: Bytes,
}

impl Event {
    /// Whether its name is `error`, whatever its data is.
    pub(crate) fn is_error(&self) -> bool {
        self.name.as_deref() == Some("error")
    }
}

/// What is left when the input ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing: the input ended between two events.
    Nothing,
    /// An event without the empty line after it. The standard drops it; its data shows whether it is
    /// complete.
    Event(Event),
    /// Part of an event, without data.
    Fragment,
}

/// An event or a line is longer than the limit, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventTooLargeError(usize);

impl fmt::Display for EventTooLargeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an event of the stream is longer than {} bytes", self.0)
    }
}

impl std::error::Error for EventTooLargeError {}

/// The most bytes without an event, such as comments. It is more than the longest event takes with its framing.
const LONGEST_PAUSE: usize = 32 << 20;

/// Finds the events in a stream of bytes.
#[derive(Debug)]
pub(crate) struct Scanner {
    limit: usize,
    /// The beginning of a line whose end has not arrived yet.
    line: Vec<u8>,
    /// The last line ended in CR, so a LF that follows belongs to it.
    after_cr: bool,
    /// The first line, which may begin with a byte order mark, has ended.
    begun: bool,
    name: Option<String>,
    data: Option<Vec<u8>>,
    events: VecDeque<Event>,
    /// The bytes since the last event: the next event, comments and blank lines, which must end some time.
    since_event: usize,
    failed: bool,
}

impl Scanner {
    /// A scanner for events of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Scanner {
        Scanner {
            limit,
            line: Vec::new(),
            after_cr: false,
            begun: false,
            name: None,
            data: None,
            events: VecDeque::new(),
            since_event: 0,
            failed: false,
        }
    }

    /// Takes more input.
    ///
    /// # Errors
    ///
    /// If an event or a line is longer than the limit, now or in an earlier call. The events before it can
    /// still be taken.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), EventTooLargeError> {
        while !self.failed && !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr)
                && let Some(rest) = bytes.strip_prefix(b"\n")
            {
                bytes = rest;
                continue;
            }
            let end = bytes.iter().position(|b| matches!(b, b'\n' | b'\r'));
            let (part, rest) = bytes.split_at_checked(end.unwrap_or(bytes.len())).unwrap_or_default();
            let taken = part.len().saturating_add(usize::from(end.is_some()));
            self.since_event = self.since_event.saturating_add(taken);
            let held = self.event_bytes().saturating_add(part.len());
            if held > self.limit || self.since_event > LONGEST_PAUSE {
                self.failed = true;
                break;
            }
            let Some((terminator, rest)) = rest.split_first() else {
                self.line.extend_from_slice(part);
                break;
            };
            (self.after_cr, bytes) = (*terminator == b'\r', rest);
            if self.line.is_empty() {
                self.take_line(part);
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(part);
                self.take_line(&line);
            }
        }
        if self.failed { Err(EventTooLargeError(self.limit)) } else { Ok(()) }
    }

    /// The bytes that are held.
    pub(crate) fn held(&self) -> usize {
        let events: usize = self.events.iter().map(|event| event.data.len()).sum();
        self.event_bytes().saturating_add(events)
    }

    /// The bytes of the event that is not complete.
    fn event_bytes(&self) -> usize {
        self.data.as_ref().map_or(0, Vec::len).saturating_add(self.line.len())
    }

    /// The next complete event.
    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// What is left. Call it once, after the input has ended and all events have been taken.
    pub(crate) fn finish(&mut self) -> Rest {
        let line = std::mem::take(&mut self.line);
        self.take_line_unless_empty(&line);
        let named = self.name.is_some();
        match self.take_event() {
            Some(event) => Rest::Event(event),
            None if named || !line.is_empty() => Rest::Fragment,
            None => Rest::Nothing,
        }
    }

    fn take_line_unless_empty(&mut self, line: &[u8]) {
        if !line.is_empty() {
            self.take_line(line);
        }
    }

    fn take_line(&mut self, line: &[u8]) {
        let first = !std::mem::replace(&mut self.begun, true);
        let line = line.strip_prefix(b"\xEF\xBB\xBF").filter(|_| first).unwrap_or(line);
        if line.is_empty() {
            let event = self.take_event();
            self.events.extend(event);
            return;
        }
        let colon = line.iter().position(|&b| b == b':').unwrap_or(line.len());
        let (field, value) = line.split_at_checked(colon).unwrap_or_default();
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                None => self.data = Some(value.to_vec()),
            },
            b"event" => {
                let name = String::from_utf8_lossy(value).into_owned();
                self.name = Some(name).filter(|name| !name.is_empty());
            }
            _ => {}
        }
    }

    fn take_event(&mut self) -> Option<Event> {
        let name = self.name.take();
        let data = self.data.take().filter(|data| !data.trim_ascii().is_empty())?;
        self.since_event = 0;
        Some(Event { name, data: data.into() })
    }
}

/// Appends an event, so that several events can be sent in one write. JSON is one line, because some clients read
/// only one; a line feed in it is white space.
pub(crate) fn write(event: &Event, out: &mut Vec<u8>) {
    if let Some(name) = &event.name {
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(name.as_bytes());
        out.push(b'\n');
    }
    let between: &[u8] = if event.data.starts_with(b"{") { b" " } else { b"\ndata: " };
    let mut before: &[u8] = b"data: ";
    for line in event.data.split(|&b| b == b'\n') {
        out.extend_from_slice(before);
        out.extend_from_slice(line);
        before = between;
    }
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests;
