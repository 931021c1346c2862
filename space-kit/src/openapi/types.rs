//! Structs with their schemas.

/// Defines structs that are read from and written as JSON, with the schemas of their fields for the OpenAPI document:
///
/// ```
/// space_kit::types! {
///     struct Note { text: space_kit::Text<1, 200> }
///     /// Several fields, one of which may be absent.
///     struct Place { name: String, postcode: Option<u32> }
/// }
/// ```
///
/// Attributes of serde are not accepted, because the schema does not know them. A struct that needs one is written
/// without the macro, and implements [`crate::Schema`] itself.
#[macro_export]
macro_rules! types {
    ($(
        $(#[doc = $doc:literal])* $visibility:vis struct $name:ident {
            $($(#[doc = $about:literal])* $exposed:vis $field:ident: $type:ty),* $(,)?
        }
    )*) => {$(
        $(#[doc = $doc])*
        #[derive(Debug, Clone, $crate::serde::Deserialize, $crate::serde::Serialize)]
        #[serde(crate = "space_kit::serde")]
        $visibility struct $name {
            $($(#[doc = $about])* $exposed $field: $type),*
        }

        impl $crate::Schema for $name {
            fn schema() -> $crate::JsonValue {
                $crate::object(stringify!($name), &[$((
                    stringify!($field),
                    <$type as $crate::Schema>::OPTIONAL,
                    <$type as $crate::Schema>::schema(),
                )),*])
            }
        }
    )*};
}
