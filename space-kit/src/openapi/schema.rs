//! JSON Schemas of types.

use serde_json::{Value, json};

use crate::extract::number::Number;
use crate::extract::text::Text;

/// A type whose JSON form has a schema. [`crate::types!`] implements it for structs.
pub trait Schema {
    /// Whether a member of this type may be absent.
    const OPTIONAL: bool = false;

    /// The schema (JSON Schema 2020-12, which OpenAPI 3.1 uses). A `title` makes it one of the document's named schemas.
    fn schema() -> Value;
}

macro_rules! schemas {
    ($($type:ty => $schema:tt;)*) => {
        $(impl Schema for $type {
            fn schema() -> Value {
                json!($schema)
            }
        })*
    };
}

schemas! {
    bool => {"type": "boolean"};
    String => {"type": "string"};
    f32 => {"type": "number"};
    f64 => {"type": "number"};
    u8 => {"type": "integer", "minimum": 0, "maximum": 255};
    u16 => {"type": "integer", "minimum": 0, "maximum": 65535};
    u32 => {"type": "integer", "minimum": 0, "maximum": 4_294_967_295_u32};
    u64 => {"type": "integer", "minimum": 0};
    usize => {"type": "integer", "minimum": 0};
    i32 => {"type": "integer", "minimum": i32::MIN, "maximum": i32::MAX};
    i64 => {"type": "integer"};
    Value => {};
}

impl<const MIN: usize, const MAX: usize> Schema for Text<MIN, MAX> {
    fn schema() -> Value {
        json!({"type": "string", "minLength": MIN, "maxLength": MAX})
    }
}

impl<const MIN: usize, const MAX: usize> Schema for Number<MIN, MAX> {
    fn schema() -> Value {
        json!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

impl<T: Schema> Schema for Vec<T> {
    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }
}

/// In JSON, `null` is an absent member too.
impl<T: Schema> Schema for Option<T> {
    const OPTIONAL: bool = true;

    fn schema() -> Value {
        json!({"anyOf": [T::schema(), {"type": "null"}]})
    }
}

/// The schema of a struct: for each field its name as in Rust, whether it may be absent, and its schema.
#[doc(hidden)] // for `types!`
pub fn object(title: &str, fields: &[(&str, bool, Value)]) -> Value {
    let name = |name: &str| name.trim_start_matches("r#").to_owned();
    let required: Vec<String> =
        fields.iter().filter(|(_, optional, _)| !optional).map(|(field, ..)| name(field)).collect();
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|(field, _, schema)| (name(field), schema.clone())).collect();
    json!({"title": title, "type": "object", "required": required, "properties": properties})
}
