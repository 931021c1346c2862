//! Text of a bounded length.

use std::fmt;
use std::ops::Deref;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A string of `MIN` to `MAX` characters, as a field of what `Json`, `Query` and `Path` read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<const MIN: usize, const MAX: usize>(String);

impl<const MIN: usize, const MAX: usize> Deref for Text<MIN, MAX> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Serialize for Text<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Text<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> Visitor<'_> for TextVisitor<MIN, MAX> {
    type Value = Text<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string of {MIN} to {MAX} characters")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<MIN, MAX>, E> {
        if (MIN..=MAX).contains(&text.chars().count()) {
            return Ok(Text(text.to_owned()));
        }
        Err(E::invalid_value(Unexpected::Str("…"), &self)) // the text itself may be long
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let read = |text: &str| serde_json::from_str::<Text<1, 2>>(&format!("{text:?}"));
        assert_eq!(&*read("é€").unwrap(), "é€");
        for text in ["", "abc"] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.contains("expected a string of 1 to 2 characters"), "{message}");
        }
    }
}
