//! JSON objects without repeated names. Of two members with the same name, some parsers keep the first and others the
//! last (RFC 8259 section 4), so two services could read a token differently. Such an object is rejected.

use serde_json::{Map, Value};

/// Parses an object. `None` if it is malformed or a name is repeated, at any depth.
pub fn object(text: &[u8]) -> Option<Map<String, Value>> {
    let Ok(Value::Object(members)) = serde_json::from_slice(text) else { return None };
    (written(text) == kept(&members)).then_some(members)
}

/// The number of members in a valid text: each has one colon outside of strings.
fn written(text: &[u8]) -> usize {
    let (mut colons, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b':' if !quoted => colons = colons.saturating_add(1),
            _ => {}
        }
    }
    colons
}

/// The number of members that the parser kept; it keeps one per name.
fn kept(members: &Map<String, Value>) -> usize {
    members.len().saturating_add(members.values().map(inside).sum())
}

/// The parser's depth limit bounds the recursion.
fn inside(value: &Value) -> usize {
    match value {
        Value::Object(members) => kept(members),
        Value::Array(values) => values.iter().map(inside).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-e:\"\\\\é漢]{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a:\"\\\\é]{0,3}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    fn any_object() -> impl Strategy<Value = Map<String, Value>> {
        prop::collection::btree_map("[a:\"\\\\é]{0,3}", any_value(), 0..5)
            .prop_map(|members| members.into_iter().collect())
    }

    #[test]
    fn a_repeated_name_is_rejected_at_any_depth_and_in_any_spelling() {
        for text in [
            r#"{"sub":"a","sub":"b"}"#,
            r#"{"sub":"a","sub":"a"}"#,
            r#"{"sub":"a","su\u0062":"b"}"#,
            r#"{"sub":{"x":1,"y":{"z":1}},"sub":2}"#,
            r#"{"orgs":[{"a":1},{"b":1,"b":2}]}"#,
            r#"{"a":":\":","a":1}"#,
            r#"{"a":"\\","a":1}"#,
        ] {
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
            assert_eq!(object(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn only_one_whole_object_is_accepted() {
        for text in ["", "[]", "1", "\"a\"", "{} {}", "{}x", "{\"a\":}", "\u{feff}{}", "{\"a\":1e999}"] {
            assert_eq!(object(text.as_bytes()), None, "{text}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), None);
        assert_eq!(object("[".repeat(100_000).as_bytes()), None);
        assert_eq!(object(b" {} "), Some(Map::new()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn every_object_is_parsed_as_written(members in any_object()) {
            let text = Value::Object(members.clone()).to_string();
            prop_assert_eq!(object(text.as_bytes()), Some(members));
        }

        #[test]
        fn a_repeated_member_is_rejected(members in any_object(), name in "[a:\"\\\\é]{0,3}", value in any_value()) {
            let mut members = members;
            members.remove(&name);
            let (name, rest) = (Value::from(name), Value::Object(members).to_string());
            let rest = rest.trim_start_matches('{');
            let comma = if rest == "}" { "" } else { "," };
            let text = format!("{{{name}:{value},{name}:{value}{comma}{rest}");
            prop_assert_eq!(object(text.as_bytes()), None, "{}", text);
        }

        #[test]
        fn no_input_panics(text in prop::collection::vec(any::<u8>(), 0..200)) {
            _ = object(&text);
        }
    }
}
