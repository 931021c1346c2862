//! Finds named members of a JSON object (RFC 8259) by their place in the text, without building a tree.
//! What passes is what `serde_json` reads, UTF-8 and numbers' range included; nothing is allocated but for a key
//! with escapes.

use std::borrow::Cow;

use super::text::{ARRAY, OBJECT, Problem, Scan, ScanError, Span, check_utf8};

/// One member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The key with its quotes.
    pub(crate) key: Span,
    /// The value without the white space around it.
    pub(crate) value: Span,
    /// Where the value of the member before this one ends; `None` for the first.
    pub(crate) before: Option<usize>,
    /// Where the key of the member after this one begins; `None` for the last.
    pub(crate) after: Option<usize>,
}

/// The members of one object that were asked for.
#[derive(Debug, Clone)]
pub(crate) struct Members<const N: usize> {
    wanted: [&'static str; N],
    found: [Option<Member>; N],
    extent: Extent,
}

#[derive(Debug, Clone, Copy)]
struct Extent {
    count: usize,
    insert_at: usize,
}

impl<const N: usize> Members<N> {
    /// The member of this name, which must be one of those asked for.
    pub(crate) fn get(&self, name: &str) -> Option<&Member> {
        debug_assert!(self.wanted.contains(&name), "{name} was not asked for");
        self.wanted.iter().zip(&self.found).find(|(wanted, _)| **wanted == name)?.1.as_ref()
    }

    /// How many members the object has, asked for or not.
    pub(crate) fn count(&self) -> usize {
        self.extent.count
    }

    /// Where another member can be put: behind the last value, or behind the brace of an empty object.
    pub(crate) fn insert_at(&self) -> usize {
        self.extent.insert_at
    }
}

/// Checks a whole text, which must be an object, and finds its members of these names.
pub(crate) fn members<const N: usize>(
    text: &[u8],
    wanted: [&'static str; N],
) -> Result<Members<N>, ScanError> {
    check_utf8(text)?;
    members_in(text, &(0..text.len()), wanted)
}

/// The same for an object that is a part of a text which [`members`] passed. All places count from the start of
/// the text.
pub(crate) fn members_in<const N: usize>(
    text: &[u8],
    part: &Span,
    wanted: [&'static str; N],
) -> Result<Members<N>, ScanError> {
    collect(text, part, wanted, DuplicateKey::Reject)
}

/// The same for what we only read: of a key that is there twice the last one counts, as for most readers, and
/// a key in other letters is another one.
pub(crate) fn last_members_in<const N: usize>(
    text: &[u8],
    part: &Span,
    wanted: [&'static str; N],
) -> Result<Members<N>, ScanError> {
    collect(text, part, wanted, DuplicateKey::TakeLast)
}

fn collect<const N: usize>(
    text: &[u8],
    part: &Span,
    wanted: [&'static str; N],
    duplicates: DuplicateKey,
) -> Result<Members<N>, ScanError> {
    let mut found = [const { None }; N];
    let extent = walk_object(text, part, &wanted, &mut found, duplicates)?;
    Ok(Members { wanted, found, extent })
}

/// What becomes of a wanted key about which readers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DuplicateKey {
    /// It is refused: what we check must be what the upstream reads.
    Reject,
    /// The last one as it is written counts.
    TakeLast,
}

/// The places of an array's items; the array is a part of a text which [`members`] passed.
pub(crate) fn items_in(text: &[u8], part: &Span, each: &mut dyn FnMut(Span)) -> Result<(), ScanError> {
    let mut scan = Scan::of(text, part);
    scan.take(b'[', "expected an array")?;
    scan.space();
    if !scan.skip(b']') {
        loop {
            scan.space();
            let start = scan.at;
            scan.value(ARRAY)?;
            each(start..scan.at);
            scan.space();
            if scan.skip(b']') {
                break;
            }
            scan.take(b',', "expected a comma or the end of an array")?;
        }
    }
    scan.end()
}

/// The text of a JSON string (with its quotes); `None` if it is no string.
pub(crate) fn string(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice::<String>(raw).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

/// Not generic, so that the binary has it once.
fn walk_object(
    text: &[u8],
    part: &Span,
    wanted: &[&'static str],
    found: &mut [Option<Member>],
    duplicates: DuplicateKey,
) -> Result<Extent, ScanError> {
    let mut scan = Scan::of(text, part);
    scan.take(b'{', "expected an object")?;
    let mut extent = Extent { count: 0, insert_at: scan.at };
    scan.space();
    if scan.skip(b'}') {
        return scan.end().map(|()| extent);
    }
    let (mut before, mut last_found) = (None, None::<usize>);
    loop {
        scan.space();
        let start = scan.at;
        scan.string()?;
        let key = start..scan.at;
        if let Some(last) = last_found.take().and_then(|at| found.get_mut(at)).and_then(Option::as_mut) {
            last.after = Some(key.start);
        }
        scan.colon()?;
        let start = scan.at;
        scan.value(OBJECT)?;
        let value = start..scan.at;
        (extent.count, extent.insert_at) = (extent.count + 1, value.end);
        if let Some(at) = position(text, &key, wanted, duplicates)? {
            let slot =
                found.get_mut(at).filter(|slot| slot.is_none() || duplicates == DuplicateKey::TakeLast);
            let name = wanted.get(at).copied().unwrap_or_default();
            let slot = slot.ok_or_else(|| ScanError::new(text, key.start, Problem::Twice(name)))?;
            *slot = Some(Member { key, value: value.clone(), before, after: None });
            last_found = Some(at);
        }
        before = Some(value.end);
        scan.space();
        if scan.skip(b'}') {
            return scan.end().map(|()| extent);
        }
        scan.take(b',', "expected a comma or the end of an object")?;
    }
}

/// Which of the names a key is. Go's reader takes a key in any case for the same one.
fn position(
    text: &[u8],
    key: &Span,
    wanted: &[&'static str],
    duplicates: DuplicateKey,
) -> Result<Option<usize>, ScanError> {
    let quoted = text.get(key.clone()).unwrap_or_default();
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    let unescaped = inner.contains(&b'\\').then(|| string(quoted).unwrap_or_default());
    let plain = unescaped.as_deref().map_or(inner, str::as_bytes);
    let at = wanted.iter().position(|name| plain.eq_ignore_ascii_case(name.as_bytes()));
    match at.and_then(|at| wanted.get(at)) {
        Some(name) if name.as_bytes() != plain => {
            if duplicates == DuplicateKey::TakeLast {
                return Ok(None);
            }
            Err(ScanError::new(text, key.start, Problem::OtherCase(name)))
        }
        _ => Ok(at),
    }
}

#[cfg(test)]
mod tests;
