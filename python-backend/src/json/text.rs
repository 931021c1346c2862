//! Reads JSON text (RFC 8259) token by token and checks it. It accepts the same texts as `serde_json`,
//! including the range of numbers; [`check_utf8`] checks UTF-8. It neither allocates nor recurses.

use std::ops::Range;

use super::error::{Problem, ScanError};

/// A place in the text, in bytes.
pub(crate) type Span = Range<usize>;

/// The open arrays (0) and objects (1) as bits below a leading 1. That makes 127 levels, the same as in
/// `serde_json`.
pub(crate) type Open = u128;
pub(crate) const ARRAY: Open = 0b10;
pub(crate) const OBJECT: Open = 0b11;

/// Checks that a text is UTF-8, which [`Scan`] does not.
///
/// # Errors
///
/// The position of the first invalid byte.
pub(crate) fn check_utf8(text: &[u8]) -> Result<(), ScanError> {
    let error = |at| ScanError::new(text, at, Problem::Syntax("expected valid UTF-8"));
    std::str::from_utf8(text).map(drop).map_err(|invalid| error(invalid.valid_up_to()))
}

/// A position in a JSON text.
pub(crate) struct Scan<'a> {
    text: &'a [u8],
    /// The position of the next byte.
    pub(crate) at: usize,
}

impl<'a> Scan<'a> {
    /// The start of a part, after its white space.
    pub(crate) fn of(text: &'a [u8], part: &Span) -> Scan<'a> {
        let mut scan = Scan { text: text.get(..part.end).unwrap_or(text), at: part.start };
        scan.space();
        scan
    }

    /// Reads a whole value. `open` holds the array or object around it.
    pub(crate) fn value(&mut self, open: Open) -> Result<(), ScanError> {
        let around = open;
        let mut open = open;
        loop {
            self.space();
            match self.peek() {
                Some(b'{') => {
                    open = self.deeper(open, OBJECT)?;
                    if !self.skip(b'}') {
                        self.string()?;
                        self.colon()?;
                        continue;
                    }
                    open >>= 1;
                }
                Some(b'[') => {
                    open = self.deeper(open, ARRAY)?;
                    if !self.skip(b']') {
                        continue;
                    }
                    open >>= 1;
                }
                Some(b'"') => self.string()?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                _ => self.literal()?,
            }
            loop {
                if open == around {
                    return Ok(());
                }
                self.space();
                let in_object = open & 1 == 1;
                if self.skip(b',') {
                    if in_object {
                        self.space();
                        self.string()?;
                        self.colon()?;
                    }
                    break;
                }
                match in_object {
                    true => self.take(b'}', "expected a comma or the end of an object")?,
                    false => self.take(b']', "expected a comma or the end of an array")?,
                }
                open >>= 1;
            }
        }
    }

    /// Enters an array or object.
    fn deeper(&mut self, open: Open, kind: Open) -> Result<Open, ScanError> {
        if open.leading_zeros() == 0 {
            return self.fail("expected at most 127 levels of nesting");
        }
        self.advance(1);
        self.space();
        Ok(open << 1 | kind & 1)
    }

    pub(crate) fn colon(&mut self) -> Result<(), ScanError> {
        self.space();
        self.take(b':', "expected a colon")?;
        self.space();
        Ok(())
    }

    pub(crate) fn string(&mut self) -> Result<(), ScanError> {
        self.take(b'"', "expected a string in double quotes")?;
        loop {
            self.advance(plain(self.rest()));
            match self.peek() {
                Some(b'"') => {
                    self.advance(1);
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return self.fail("expected control characters to be escaped"),
                None => return self.fail("expected the end of a string"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), ScanError> {
        match self.rest().get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.advance(2),
            Some(b'u') => match self.unit() {
                Some(0xD800..=0xDBFF) => {
                    self.advance(6);
                    if !matches!(self.unit(), Some(0xDC00..=0xDFFF)) {
                        return self.fail("expected the second half of a surrogate pair");
                    }
                    self.advance(6);
                }
                Some(0xDC00..=0xDFFF) => return self.fail("expected the first half of a surrogate pair"),
                Some(_) => self.advance(6),
                None => return self.fail("expected four hexadecimal digits"),
            },
            _ => return self.fail("expected a valid escape"),
        }
        Ok(())
    }

    /// The code unit in `\uXXXX`.
    fn unit(&self) -> Option<u32> {
        let digits = self.rest().get(..6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, &digit| Some(unit << 4 | char::from(digit).to_digit(16)?))
    }

    fn number(&mut self) -> Result<(), ScanError> {
        let start = self.at;
        self.skip(b'-');
        if !self.skip(b'0') {
            self.digits()?;
        }
        if self.skip(b'.') {
            self.digits()?;
        }
        let exponent = self.skip(b'e') || self.skip(b'E');
        if exponent {
            _ = self.skip(b'+') || self.skip(b'-');
            self.digits()?;
        }
        // A shorter number is less than 10^300, which a double can hold.
        let raw = self.text.get(start..self.at).unwrap_or_default();
        if (exponent || raw.len() > 300) && serde_json::from_slice::<f64>(raw).is_err() {
            self.at = start;
            return self.fail("expected a number in the range of a double");
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), ScanError> {
        let count = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        self.advance(count);
        if count > 0 { Ok(()) } else { self.fail("expected a digit") }
    }

    fn literal(&mut self) -> Result<(), ScanError> {
        let rest = self.rest();
        let literals: [&[u8]; 3] = [b"true", b"false", b"null"];
        match literals.iter().find(|literal| rest.starts_with(literal)) {
            Some(literal) => self.advance(literal.len()),
            None => return self.fail("expected a value"),
        }
        Ok(())
    }

    pub(crate) fn end(&mut self) -> Result<(), ScanError> {
        self.space();
        if self.peek().is_none() { Ok(()) } else { self.fail("expected the end of the text") }
    }

    #[inline(always)] // called for every byte; as function calls they make the binary 4 KB larger
    pub(crate) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.advance(1);
        }
    }

    /// Moves on. Positions are within the text, so they never wrap.
    #[inline(always)]
    fn advance(&mut self, bytes: usize) {
        self.at = self.at.wrapping_add(bytes);
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), ScanError> {
        if self.skip(byte) { Ok(()) } else { self.fail(expected) }
    }

    #[inline(always)]
    pub(crate) fn skip(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.advance(usize::from(found));
        found
    }

    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, ScanError> {
        Err(self.error(expected))
    }

    #[cold]
    fn error(&self, expected: &'static str) -> ScanError {
        ScanError::new(self.text, self.at, Problem::Syntax(expected))
    }
}

/// The number of bytes at the start of `text`, the inside of a string, that need no check. It compares eight
/// bytes at a time, because images are long strings.
fn plain(text: &[u8]) -> usize {
    const EACH: u64 = u64::MAX / 0xFF;
    // The high bit of each byte that is below `limit` (at most 0x80). It is wrong only above a byte that is.
    let below = |word: u64, limit: u64| word.wrapping_sub(EACH.wrapping_mul(limit)) & !word & (EACH << 7);
    let (words, rest) = text.as_chunks::<8>();
    for (count, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let (quote, slash) = (word ^ const { EACH * b'"' as u64 }, word ^ const { EACH * b'\\' as u64 });
        let stops = below(word, 0x20) | below(quote, 1) | below(slash, 1);
        if stops != 0 {
            return count.wrapping_mul(8).wrapping_add(stops.trailing_zeros() as usize / 8);
        }
    }
    let stop = |b: &u8| *b < 0x20 || *b == b'"' || *b == b'\\';
    let skipped = text.len().wrapping_sub(rest.len());
    skipped.wrapping_add(rest.iter().position(stop).unwrap_or(rest.len()))
}
