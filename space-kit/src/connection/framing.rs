//! Where messages begin and end in the bytes of a connection (RFC 9112), read before hyper reads them. hyper accepts
//! more than the RFC and does not tell: a line that ends with LF only, a fragment or raw bytes in a target, trailers. A
//! proxy in front may read such a message differently, and then one client's request gets another client's response. So
//! the first of these ends the connection with an error.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))] // a parser: no peer may choose a sum that overflows

/// What a message does that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A line of the head ends with LF only.
    BareLineFeed,
    /// The request line has a `#` or a byte that is not ASCII.
    Target,
    /// `Transfer-Encoding` names another coding than chunked.
    Coding,
    /// `Transfer-Encoding` names chunked more than once.
    CodingTwice,
    /// `Content-Length` is longer than any body.
    Length,
    /// The last chunk is not followed by an empty line.
    Trailers,
    /// The chunks are too many for their length.
    SmallChunks,
}

/// A body may have this many chunks, and one more for each [`CHUNK`] bytes. Each takes half a microsecond.
const CHUNKS: u64 = 4096;
const CHUNK: u64 = 16;

/// hyper takes the two longest lengths for something else.
const LONGEST: u64 = u64::MAX - 2;

/// Reads the bytes of a connection.
#[derive(Debug)]
pub(crate) struct Framing {
    place: Place,
    /// The beginning of a line whose end has not arrived yet.
    line: Vec<u8>,
    /// Which message it is, counted from 0.
    message: u64,
    body: Option<Body>,
    chunks: u64,
    bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a request line.
    Start,
    /// Before another line of the head.
    Fields,
    /// In a body with this many bytes to come.
    Body(u64),
    /// Before a chunk's size.
    Size,
    /// In a chunk with this many bytes to come, its CRLF included.
    Chunk(u64),
    /// After the last chunk.
    Last,
    /// After a violation, or what hyper does not accept either.
    Stopped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Length(u64),
    Chunked,
}

impl Framing {
    pub(crate) fn new() -> Framing {
        Framing { place: Place::Start, line: Vec::new(), message: 0, body: None, chunks: 0, bytes: 0 }
    }

    /// Reads the next bytes. The first violation is returned, with the number of its message.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) -> Option<(u64, Violation)> {
        while !bytes.is_empty() {
            let left = match &mut self.place {
                Place::Stopped => return None,
                Place::Body(left) | Place::Chunk(left) => left,
                _ => {
                    match self.read_line(bytes) {
                        Ok(rest) => bytes = rest,
                        Err(violation) => {
                            self.place = Place::Stopped;
                            return violation.map(|violation| (self.message, violation));
                        }
                    }
                    continue;
                }
            };
            let part = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
            *left = left.saturating_sub(part as u64);
            let is_over = *left == 0;
            bytes = bytes.get(part..).unwrap_or_default();
            if is_over {
                match self.place {
                    Place::Chunk(_) => self.place = Place::Size,
                    _ => self.ended(),
                }
            }
        }
        None
    }

    /// Reads to the end of a line, and returns what follows it.
    fn read_line<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Option<Violation>> {
        let Some(end) = line_feed(bytes) else {
            self.line.extend_from_slice(bytes); // hyper stops reading at a longer head or extension
            return Ok(&[]);
        };
        let (line, rest) = bytes.split_at_checked(end.saturating_add(1)).unwrap_or_default();
        if self.line.is_empty() {
            self.take(line)?;
        } else {
            let mut whole = std::mem::take(&mut self.line);
            whole.extend_from_slice(line);
            self.take(&whole)?;
        }
        Ok(rest)
    }

    /// Takes a line with its end. `Err(None)` is for what hyper does not accept.
    fn take(&mut self, line: &[u8]) -> Result<(), Option<Violation>> {
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return Err(Some(match self.place {
                Place::Start | Place::Fields => Violation::BareLineFeed,
                _ => Violation::Trailers,
            }));
        };
        match self.place {
            Place::Start if line.is_empty() => {} // may come before a request line
            Place::Start => {
                if line.iter().any(|byte| !byte.is_ascii() || *byte == b'#') {
                    return Err(Some(Violation::Target));
                }
                self.place = Place::Fields;
            }
            Place::Fields if line.is_empty() => match self.body.take() {
                Some(Body::Chunked) => (self.place, self.chunks, self.bytes) = (Place::Size, 0, 0),
                Some(Body::Length(length @ 1..)) => self.place = Place::Body(length),
                _ => self.ended(),
            },
            Place::Fields => self.take_field(line)?,
            Place::Last if line.is_empty() => self.ended(),
            Place::Size => self.take_size(line)?,
            _ => return Err(Some(Violation::Trailers)),
        }
        Ok(())
    }

    fn take_field(&mut self, line: &[u8]) -> Result<(), Option<Violation>> {
        // Few names begin like this, so most lines cost two comparisons.
        if !matches!(line.first(), Some(b'c' | b'C' | b't' | b'T')) {
            return Ok(());
        }
        if let Some(value) = value(line, b"content-length:") {
            let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let length = str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            match length.filter(|_| is_number) {
                None => return Err(None),
                Some(LONGEST..) => return Err(Some(Violation::Length)),
                Some(length) => self.body = self.body.or(Some(Body::Length(length))),
            }
        } else if let Some(value) = value(line, b"transfer-encoding:") {
            let mut codings = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).rev();
            let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
            if !codings.next().is_some_and(is_chunked) {
                return Err(None);
            }
            match (codings.next(), self.body) {
                (None, Some(Body::Chunked)) => return Err(Some(Violation::CodingTwice)),
                (None, _) => self.body = Some(Body::Chunked),
                (Some(other), _) if is_chunked(other) => return Err(Some(Violation::CodingTwice)),
                _ => return Err(Some(Violation::Coding)),
            }
        }
        Ok(())
    }

    fn take_size(&mut self, line: &[u8]) -> Result<(), Option<Violation>> {
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let text = line.get(..digits).and_then(|digits| str::from_utf8(digits).ok());
        let size = text.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        // The CRLF after the chunk is counted with it.
        let whole = size.and_then(|size| size.checked_add(2)).ok_or(None)?;
        self.place = if whole == 2 { Place::Last } else { Place::Chunk(whole) };
        self.chunks = self.chunks.saturating_add(1);
        self.bytes = self.bytes.saturating_add(whole);
        if self.chunks > CHUNKS.saturating_add(self.bytes / CHUNK) {
            return Err(Some(Violation::SmallChunks));
        }
        Ok(())
    }

    /// The messages that have ended.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn messages(&self) -> u64 {
        self.message
    }

    fn ended(&mut self) {
        self.place = Place::Start;
        self.message = self.message.wrapping_add(1);
    }
}

/// A field's value, if the line begins with this name and its colon.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (own, value) = line.split_at_checked(name.len())?;
    own.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

/// The place of the first LF. Eight bytes at a time, because every head is searched.
fn line_feed(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let (eights, rest) = bytes.as_chunks();
    for (at, eight) in eights.iter().enumerate() {
        // A byte is zero here where it was a LF; the lowest one that borrows its highest bit is the first.
        let zero = u64::from_le_bytes(*eight) ^ const { ONES * b'\n' as u64 };
        let borrowed = zero.wrapping_sub(ONES) & !zero & (ONES << 7);
        if borrowed != 0 {
            return Some(at.wrapping_mul(8).wrapping_add(borrowed.trailing_zeros() as usize / 8));
        }
    }
    let at = rest.iter().position(|byte| *byte == b'\n')?;
    Some(bytes.len().wrapping_sub(rest.len()).wrapping_add(at))
}

#[cfg(test)]
mod tests;
