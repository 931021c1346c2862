//! `--env-file FILE`: a `.env` read into a map. What the process environment has wins over it.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// Reads `NAME=value` lines with comments and quotes, as dotenv tools do.
/// The error names file and line, and never repeats the line: it may hold a secret.
pub(crate) fn read(path: &Path) -> Result<HashMap<String, OsString>, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    parse(&text).map_err(|line| {
        format!("{shown}: line {line} is not NAME=value (quote a value that has spaces, and close the quote)")
    })
}

/// The error is the number of the line at which the bad entry begins.
pub(crate) fn parse(text: &str) -> Result<HashMap<String, OsString>, usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text); // some editors put a byte order mark first
    let given = Cell::new(0);
    let mut values = HashMap::new();
    for item in dotenvy::from_read_iter(LineByLine { text, given: &given }) {
        let (name, value) = item.map_err(|error| {
            let last = text.get(..given.get()).unwrap_or(text).lines().count();
            match error {
                dotenvy::Error::LineParse(entry, _) => {
                    (last + 1).saturating_sub(entry.lines().count().max(1))
                }
                _ => last,
            }
        })?;
        values.insert(name, value.into());
    }
    Ok(values)
}

/// A text that is handed over line by line: dotenvy does not tell where it is, so what it took does.
struct LineByLine<'a> {
    text: &'a str,
    /// Bytes handed over so far.
    given: &'a Cell<usize>,
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let rest = self.text.as_bytes().get(self.given.get()..).unwrap_or_default();
        let mut line = rest.split_inclusive(|&b| b == b'\n').next().unwrap_or_default();
        let read = line.read(buf)?;
        self.given.set(self.given.get() + read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_quotes_and_exports_are_understood() {
        let values = parse("# a comment\nPORT=8000\nexport A='b c' # why\n\nEMPTY=\n").unwrap();
        assert_eq!(values["PORT"], "8000");
        assert_eq!(values["A"], "b c");
        assert_eq!(values["EMPTY"], "");
    }

    #[test]
    fn a_bad_entry_is_told_by_the_line_it_begins_at() {
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
