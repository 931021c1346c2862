//! Numbers within bounds.

use std::fmt;
use std::ops::Deref;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A whole number from `MIN` to `MAX`, as a field of what `Json`, `Query` and `Path` read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Number<const MIN: usize, const MAX: usize>(usize);

impl<const MIN: usize, const MAX: usize> Deref for Number<MIN, MAX> {
    type Target = usize;

    fn deref(&self) -> &usize {
        &self.0
    }
}

impl<const MIN: usize, const MAX: usize> Serialize for Number<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, const MIN: usize, const MAX: usize> Deserialize<'de> for Number<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(NumberVisitor)
    }
}

struct NumberVisitor<const MIN: usize, const MAX: usize>;

impl<const MIN: usize, const MAX: usize> Visitor<'_> for NumberVisitor<MIN, MAX> {
    type Value = Number<MIN, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {MIN} to {MAX}")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Number<MIN, MAX>, E> {
        match usize::try_from(number) {
            Ok(fits) if (MIN..=MAX).contains(&fits) => Ok(Number(fits)),
            _ => Err(E::invalid_value(Unexpected::Unsigned(number), &self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_are_accepted_and_nothing_beyond() {
        for text in ["2", "3", "4"] {
            assert_eq!(serde_json::from_str::<Number<2, 4>>(text).unwrap().to_string(), text);
        }
        for text in ["1", "5", "-3", "3.0", "\"3\"", "18446744073709551616"] {
            let message = serde_json::from_str::<Number<2, 4>>(text).unwrap_err().to_string();
            assert!(message.contains("expected a whole number from 2 to 4"), "{text}: {message}");
        }
    }
}
