//! Finds named members of a JSON object (RFC 8259) by their place in the text, without building a tree. It
//! accepts the same texts as `serde_json`, including UTF-8 and the range of numbers. It allocates only for a
//! key with escapes.

use std::borrow::Cow;

use super::error::{Problem, ScanError};
use super::text::{ARRAY, OBJECT, Scan, Span, check_utf8};

/// One member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The key with its quotes.
    pub(crate) key: Span,
    /// The value, without the white space around it.
    pub(crate) value: Span,
    /// The end of the value of the previous member; `None` for the first.
    pub(crate) before: Option<usize>,
    /// The start of the key of the next member; `None` for the last.
    pub(crate) after: Option<usize>,
}

/// The requested members of one object.
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
    /// The member with this name, which must be one of the requested names.
    pub(crate) fn get(&self, name: &str) -> Option<&Member> {
        debug_assert!(self.wanted.contains(&name), "{name} was not requested");
        self.wanted.iter().zip(&self.found).find(|(wanted, _)| **wanted == name)?.1.as_ref()
    }

    /// The number of all members of the object.
    pub(crate) fn count(&self) -> usize {
        self.extent.count
    }

    /// Where another member can be inserted: after the last value, or after the brace of an empty object.
    pub(crate) fn insert_at(&self) -> usize {
        self.extent.insert_at
    }
}

/// Checks a whole text, which must be an object, and finds its members with these names.
///
/// # Errors
///
/// If the text is not a JSON object, or if a requested key is repeated or spelled in another case.
pub(crate) fn members<const N: usize>(
    text: &[u8],
    wanted: [&'static str; N],
) -> Result<Members<N>, ScanError> {
    check_utf8(text)?;
    members_in(text, &(0..text.len()), wanted)
}

/// The same for an object that is a part of a text. [`members`] must have accepted the text. All places count
/// from the start of the text.
///
/// # Errors
///
/// As for [`members`].
pub(crate) fn members_in<const N: usize>(
    text: &[u8],
    part: &Span,
    wanted: [&'static str; N],
) -> Result<Members<N>, ScanError> {
    collect(text, part, wanted, DuplicateKey::Reject)
}

/// The same for a text that is only read. The last of repeated keys counts, as for most readers, and a key in
/// another case is another key.
///
/// # Errors
///
/// If the part is not a JSON object.
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

/// What to do with a requested key that different readers understand differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DuplicateKey {
    /// Reject it, because the gateway must check the same value that the upstream reads.
    Reject,
    /// Take the last one with exactly this name.
    TakeLast,
}

/// Passes the place of each item of an array to `each`. The array is a part of a text that [`members`]
/// accepted.
///
/// # Errors
///
/// If the part is not an array.
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

/// Passes the places of each member's key, with its quotes, and value to `each`. The object is a part of a text
/// that [`members`] accepted.
///
/// # Errors
///
/// If the part is not an object.
pub(crate) fn each_member_in(
    text: &[u8],
    part: &Span,
    each: &mut dyn FnMut(Span, Span),
) -> Result<(), ScanError> {
    let mut scan = Scan::of(text, part);
    scan.take(b'{', "expected an object")?;
    scan.space();
    if !scan.skip(b'}') {
        loop {
            scan.space();
            let start = scan.at;
            scan.string()?;
            let key = start..scan.at;
            scan.colon()?;
            let start = scan.at;
            scan.value(OBJECT)?;
            each(key, start..scan.at);
            scan.space();
            if scan.skip(b'}') {
                break;
            }
            scan.take(b',', "expected a comma or the end of an object")?;
        }
    }
    scan.end()
}

/// The text of a JSON string, which is given with its quotes. `None` if it is not a string.
pub(crate) fn string(raw: &[u8]) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if inner.contains(&b'\\') {
        return serde_json::from_slice::<String>(raw).ok().map(Cow::Owned);
    }
    std::str::from_utf8(inner).ok().map(Cow::Borrowed)
}

/// It is not generic, so that the binary contains it once.
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
        (extent.count, extent.insert_at) = (extent.count.wrapping_add(1), value.end);
        if let Some(at) = position(text, &key, wanted, duplicates)? {
            let slot =
                found.get_mut(at).filter(|slot| slot.is_none() || duplicates == DuplicateKey::TakeLast);
            let name = wanted.get(at).copied().unwrap_or_default();
            let slot = slot.ok_or_else(|| ScanError::new(text, key.start, Problem::DuplicateKey(name)))?;
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

/// The index of the name that a key has. Go's reader ignores case in keys.
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
            Err(ScanError::new(text, key.start, Problem::WrongCase(name)))
        }
        _ => Ok(at),
    }
}

#[cfg(test)]
mod tests;
