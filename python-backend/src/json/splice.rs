//! Edits of a JSON text that leave every other byte unchanged. The result is pieces of the original with the
//! new parts between them, so that a body of many megabytes is not copied.

use bytes::{Bytes, BytesMut};

use super::{Member, Members, Span};

/// Edits of one text, in any order. Their places must not overlap.
#[derive(Debug, Default)]
pub(crate) struct Splice {
    /// Sorted by place.
    edits: Vec<(Span, Bytes)>,
}

impl Splice {
    /// Replaces a value.
    pub(crate) fn replace(&mut self, value: &Span, with: impl Into<Bytes>) {
        self.edit(value.clone(), with.into());
    }

    /// Keeps the edits sorted. They are few or arrive in order, and a sort would be 3 KB of code.
    fn edit(&mut self, place: Span, with: Bytes) {
        let at =
            self.edits.partition_point(|(other, _)| (other.start, other.end) <= (place.start, place.end));
        self.edits.insert(at, (place, with));
    }

    /// Removes members by name, ignoring missing ones, and adds others after the last. The values to add are
    /// JSON text. Call it once per object.
    pub(crate) fn reshape<const N: usize>(
        &mut self,
        object: &Members<N>,
        remove: &[&str],
        add: &[(&str, &str)],
    ) {
        let mut removed = Vec::new();
        for member in remove.iter().filter_map(|name| object.get(name)) {
            let at = removed.partition_point(|other: &&Member| other.key.start < member.key.start);
            if removed.get(at) != Some(&member) {
                removed.insert(at, member);
            }
        }
        // A member is removed with the comma before it; at the start of the object, with the comma after it.
        let mut head_ends = None;
        for member in &removed {
            let place = match member.before {
                Some(before) if head_ends != Some(member.key.start) => before..member.value.end,
                _ => {
                    head_ends = member.after;
                    member.key.start..member.after.unwrap_or(member.value.end)
                }
            };
            self.edit(place, Bytes::new());
        }
        let members: Vec<_> = add.iter().map(|(key, value)| format!("{}:{value}", quoted(key))).collect();
        let mut text = members.join(",");
        if !add.is_empty() && object.count() > removed.len() {
            text.insert(0, ',');
        }
        if !text.is_empty() {
            self.edit(object.insert_at()..object.insert_at(), text.into());
        }
    }

    /// The text with all edits.
    pub(crate) fn apply(self, text: &Bytes) -> Pieces {
        let mut pieces = Vec::with_capacity(self.edits.len().saturating_mul(2).saturating_add(1));
        let mut done = 0;
        for (place, with) in self.edits {
            let fits = place.start >= done && place.end <= text.len();
            debug_assert!(fits, "edits overlap or lie outside the text");
            if !fits {
                continue;
            }
            pieces.push(text.slice(done..place.start));
            pieces.push(with);
            done = place.end;
        }
        pieces.push(text.slice(done..));
        pieces.retain(|piece| !piece.is_empty());
        Pieces(pieces)
    }
}

/// A text in consecutive pieces.
#[derive(Debug, Clone)]
pub(crate) struct Pieces(Vec<Bytes>);

impl Pieces {
    /// The whole text. It is copied unless it is one piece already.
    pub(crate) fn into_bytes(self) -> Bytes {
        match <[Bytes; 1]>::try_from(self.0) {
            Ok([only]) => only,
            Err(pieces) => {
                let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
                pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
                whole.freeze()
            }
        }
    }
}

impl IntoIterator for Pieces {
    type Item = Bytes;
    type IntoIter = std::vec::IntoIter<Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A text as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default() // writing a string cannot fail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{members, samples};
    use proptest::prelude::*;
    use serde_json::Value;

    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn removed(text: &'static str, remove: &[&str], add: &[(&str, &str)]) -> String {
        let mut splice = Splice::default();
        splice.reshape(&members(text.as_bytes(), NAMES).unwrap(), remove, add);
        let pieces = splice.apply(&Bytes::from_static(text.as_bytes()));
        let length = pieces.0.iter().map(Bytes::len).sum::<usize>();
        let whole = pieces.into_bytes();
        assert_eq!(whole.len(), length);
        String::from_utf8(whole.to_vec()).unwrap()
    }

    #[test]
    fn a_member_is_removed_with_one_comma() {
        let text = r#"{ "a" : 1 , "b":2, "c":3 }"#;
        assert_eq!(removed(text, &["a"], &[]), r#"{ "b":2, "c":3 }"#);
        assert_eq!(removed(text, &["b"], &[]), r#"{ "a" : 1, "c":3 }"#);
        assert_eq!(removed(text, &["c"], &[]), r#"{ "a" : 1 , "b":2 }"#);
        assert_eq!(removed(text, &["b", "a"], &[]), r#"{ "c":3 }"#);
        assert_eq!(removed(text, &["c", "b"], &[]), r#"{ "a" : 1 }"#);
        assert_eq!(removed(text, &["a", "c"], &[]), r#"{ "b":2 }"#);
        assert_eq!(removed(text, &["c", "a", "b", "a"], &[]), "{  }");
        assert_eq!(removed(text, &["d"], &[]), text);
    }

    #[test]
    fn a_new_member_is_last_with_the_comma_it_needs() {
        assert_eq!(removed("{}", &[], &[("x", "1")]), r#"{"x":1}"#);
        assert_eq!(removed(" { } ", &[], &[("x\"", "1"), ("y", "[]")]), r#" {"x\"":1,"y":[] } "#);
        assert_eq!(removed(r#"{"a":1 }"#, &[], &[("x", "1")]), r#"{"a":1,"x":1 }"#);
        assert_eq!(removed(r#"{"a":1}"#, &["a"], &[("x", "1")]), r#"{"x":1}"#);
    }

    #[test]
    fn untouched_text_is_not_copied() {
        let text = Bytes::from_static(b"{\"a\":1,\"z\":2}");
        let same = Splice::default().apply(&text).into_bytes();
        assert_eq!((same.as_ptr(), same.len()), (text.as_ptr(), text.len()));
        let mut splice = Splice::default();
        splice.replace(&(5..6), "\"one\"");
        let pieces: Vec<Bytes> = splice.apply(&text).into_iter().collect();
        assert_eq!(pieces, [&b"{\"a\":"[..], b"\"one\"", b",\"z\":2}"]);
        assert_eq!(pieces[2].as_ptr(), text[6..].as_ptr());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn the_result_matches_the_same_edits_of_a_tree(
            keys in prop::sample::subsequence([&NAMES[..], &["x", "y"]].concat(), 0..=7).prop_shuffle(),
            (space, space_2, value) in (samples::space(), samples::space(), samples::valid_json()),
            plain in prop::collection::vec(prop::sample::select(&["0", "\",}\"", "[1, {}]", "{\"a\" : 1}"][..]), 6),
            kinds in prop::collection::vec(0..3, 5),
            add in prop::sample::subsequence(&["p", "q"][..], 0..=2),
        ) {
            let values = std::iter::once(value.as_str()).chain(plain.iter().copied());
            let inner: Vec<String> = keys.iter().zip(values.clone())
                .map(|(key, value)| format!("{space}\"{key}\"{space_2}:{space}{value}{space_2}")).collect();
            let text = Bytes::from(format!("{{{}}}", inner.join(",")));
            let mut tree: Value = serde_json::from_slice(&text).unwrap();
            let fields = tree.as_object_mut().unwrap();
            let found = members(&text, NAMES).unwrap();
            let (mut splice, mut remove) = (Splice::default(), Vec::new());
            for (name, kind) in NAMES.iter().zip(&kinds) {
                match (kind, found.get(name)) {
                    (1, Some(member)) => {
                        splice.replace(&member.value, "[\"new\"]");
                        fields[*name] = serde_json::json!(["new"]);
                    }
                    (2, _) => {
                        remove.push(*name);
                        fields.remove(*name);
                    }
                    _ => {}
                }
            }
            let add: Vec<_> = add.iter().map(|key| (*key, "{}")).collect();
            for (key, _) in &add {
                fields.insert((*key).to_owned(), serde_json::json!({}));
            }
            splice.reshape(&found, &remove, &add);
            let result = splice.apply(&text).into_bytes();
            prop_assert_eq!(&serde_json::from_slice::<Value>(&result).unwrap(), &tree);

            // The rest is the same to the byte, and in the same order.
            let mut rest = std::str::from_utf8(&result).unwrap();
            for (key, value) in keys.iter().zip(values) {
                let kind = NAMES.iter().position(|name| name == key).map_or(0, |at| kinds[at]);
                let value = if kind == 1 { "[\"new\"]" } else { value };
                let member = format!("\"{key}\"{space_2}:{space}{value}");
                if kind != 2 {
                    let at = rest.find(&member);
                    prop_assert!(at.is_some(), "{} is not in {}", member, rest);
                    rest = &rest[at.unwrap() + member.len()..];
                }
            }
        }
    }
}
