//! Names and values in text, as serde reads them.

use std::slice::ChunkBy;

use serde::de::value::{MapAccessDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::extract::rejection::InputError;

/// A name and a value.
pub(crate) type Pair = (String, String);

/// Pairs that are sorted by name: a map from each name to its [`Texts`].
pub(crate) struct Pairs<'p> {
    names: ChunkBy<'p, Pair, fn(&Pair, &Pair) -> bool>,
    /// The pairs whose value is read next.
    next: &'p [Pair],
}

impl<'p> Pairs<'p> {
    pub(crate) fn new(sorted: &'p [Pair]) -> Pairs<'p> {
        Pairs { names: sorted.chunk_by(|(one, _), (other, _)| one == other), next: &[] }
    }
}

impl<'de> MapAccess<'de> for Pairs<'_> {
    type Error = InputError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, InputError> {
        self.next = self.names.next().unwrap_or_default();
        self.next.first().map(|(name, _)| seed.deserialize(name.as_str().into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, InputError> {
        let name = self.next.first().map(|(name, _)| name.as_str()).unwrap_or_default();
        seed.deserialize(Texts(self.next)).map_err(|error| error.within(name))
    }
}

impl<'de> Deserializer<'de> for Pairs<'_> {
    type Error = InputError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        MapAccessDeserializer::new(self).deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// The values of one name.
#[derive(Clone, Copy)]
pub(crate) struct Texts<'p>(pub(crate) &'p [Pair]);

impl<'p> Texts<'p> {
    fn one(self) -> Result<&'p str, InputError> {
        match self.0 {
            [(_, text)] => Ok(text),
            _ => Err(InputError::custom("expected one value")),
        }
    }
}

/// Reads a number or another value that has a text form. The visitor rejects any other text and says what it expects.
macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
            let text = self.one()?;
            match text.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => visitor.visit_str(text),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Texts<'_> {
    type Error = InputError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_str(self.one()?)
    }

    parsed! {
        deserialize_bool visit_bool bool;
        deserialize_i8 visit_i64 i64;
        deserialize_i16 visit_i64 i64;
        deserialize_i32 visit_i64 i64;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u64 u64;
        deserialize_u16 visit_u64 u64;
        deserialize_u32 visit_u64 u64;
        deserialize_u64 visit_u64 u64;
        deserialize_f32 visit_f64 f64;
        deserialize_f64 visit_f64 f64;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, InputError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_seq(SeqDeserializer::new(self.0.chunks(1).map(Texts)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, InputError> {
        visitor.visit_enum(self.one()?.into_deserializer())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, InputError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct tuple tuple_struct map struct identifier
    }
}

impl<'de> IntoDeserializer<'de, InputError> for Texts<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
