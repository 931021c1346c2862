//! Values in a JSON text that has been checked, as parts of that text: nothing is copied, and strings keep their
//! escapes, so that they can be written as they are.

use std::borrow::Cow;

use crate::json;

/// A value, without the white space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Raw<'a>(&'a str);

/// The members of an object: each key and value.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'a, str>, Raw<'a>)>);

impl<'a> Raw<'a> {
    /// The value of a text that [`json::members`] or a scan accepted.
    pub(super) fn of(text: &'a [u8]) -> Raw<'a> {
        Raw(std::str::from_utf8(text).unwrap_or_default().trim_ascii())
    }

    /// The JSON text.
    pub(super) fn text(self) -> &'a str {
        self.0
    }

    /// The members of an object; none for any other value.
    pub(super) fn fields(self) -> Fields<'a> {
        let mut fields = Vec::new();
        let mut each = |key: json::Span, value: json::Span| {
            let key = json::string(self.0.get(key).unwrap_or_default().as_bytes());
            fields.push((key.unwrap_or_default(), Raw(self.0.get(value).unwrap_or_default())));
        };
        _ = json::each_member_in(self.0.as_bytes(), &(0..self.0.len()), &mut each);
        Fields(fields)
    }

    /// The items of an array; none for any other value.
    pub(super) fn items(self) -> Vec<Raw<'a>> {
        let mut items = Vec::new();
        let mut each = |item| items.push(Raw(self.0.get(item).unwrap_or_default()));
        _ = json::items_in(self.0.as_bytes(), &(0..self.0.len()), &mut each);
        items
    }

    /// The text of a string between its quotes, with its escapes.
    pub(super) fn inner(self) -> Option<&'a str> {
        self.0.strip_prefix('"')?.strip_suffix('"')
    }

    /// The text of a string.
    pub(super) fn string(self) -> Option<Cow<'a, str>> {
        json::string(self.0.as_bytes())
    }

    /// A whole number.
    pub(super) fn number(self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// Whether it is this literal, such as `true`.
    pub(super) fn is(self, literal: &str) -> bool {
        self.0 == literal
    }

    /// Whether it is an array.
    pub(super) fn is_array(self) -> bool {
        self.0.starts_with('[')
    }
}

impl<'a> Fields<'a> {
    /// The value of a member. The last of repeated members counts, and `null` counts as missing.
    pub(super) fn get(&self, name: &str) -> Option<Raw<'a>> {
        let found = self.0.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| *value).filter(|value| !value.is("null"))
    }

    /// The text of a string member between its quotes, or "".
    pub(super) fn inner(&self, name: &str) -> &'a str {
        self.get(name).and_then(Raw::inner).unwrap_or_default()
    }

    /// The members of a member that is an object.
    pub(super) fn fields(&self, name: &str) -> Fields<'a> {
        self.get(name).map(Raw::fields).unwrap_or_default()
    }

    /// The items of a member that is an array.
    pub(super) fn items(&self, name: &str) -> Vec<Raw<'a>> {
        self.get(name).map(Raw::items).unwrap_or_default()
    }

    /// A member that is a whole number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(Raw::number)
    }

    /// Whether a member is `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.is("true"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::samples;
    use proptest::prelude::*;
    use serde_json::Value;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn members_and_items_match_a_tree(text in samples::valid_json()) {
            let tree: Value = serde_json::from_str(&text).unwrap();
            let raw = Raw::of(text.as_bytes());
            let same = |raw: Raw<'_>, tree: &Value| serde_json::from_str::<Value>(raw.text()).unwrap() == *tree;
            let items = raw.items();
            prop_assert_eq!(items.len(), tree.as_array().map_or(0, Vec::len));
            prop_assert!(tree.as_array().into_iter().flatten().zip(items).all(|(tree, raw)| same(raw, tree)));
            let fields = raw.fields();
            for (name, value) in tree.as_object().into_iter().flatten() {
                match fields.get(name) {
                    Some(raw) => prop_assert!(same(raw, value)),
                    None => prop_assert!(value.is_null()),
                }
            }
        }
    }
}
