//! The scanner against a parser that builds a tree.

use super::*;
use crate::json::samples;
use proptest::prelude::*;
use serde_json::Value;

fn error<const N: usize>(text: &[u8], wanted: [&'static str; N]) -> String {
    members(text, wanted).unwrap_err().to_string()
}

#[test]
fn members_are_found_by_their_place() {
    let text = br#" { "a" : [1, {"model": 0}] , "mod\u0065l":"x\"y", "b":{}}"#;
    let found = members(text, ["model", "b", "stream"]).unwrap();
    let model = found.get("model").unwrap();
    assert_eq!(&text[model.value.clone()], br#""x\"y""#);
    assert_eq!(string(&text[model.value.clone()]).unwrap(), "x\"y");
    assert_eq!(&text[..model.before.unwrap()], br#" { "a" : [1, {"model": 0}]"#);
    assert_eq!(&text[model.after.unwrap()..], br#""b":{}}"#);
    assert_eq!(&text[found.insert_at()..], b"}");
    assert!(found.get("stream").is_none() && found.get("b").unwrap().after.is_none());
    assert_eq!(found.count(), 3);
}

#[test]
fn places_in_an_inner_object_count_from_the_start_of_the_text() {
    let text = br#"{"o": {"x": 1 } , "l":[ 1 ,"]",[ ] ]}"#;
    let outer = members(text, ["o", "l"]).unwrap();
    let inner = members_in(text, &outer.get("o").unwrap().value, ["x"]).unwrap();
    assert_eq!(&text[inner.get("x").unwrap().value.clone()], b"1");
    let mut items = Vec::new();
    items_in(text, &outer.get("l").unwrap().value, &mut |item| items.push(&text[item])).unwrap();
    assert_eq!(items, [&b"1"[..], br#""]""#, b"[ ]"]);
}

#[test]
fn an_ambiguous_key_is_rejected_only_if_it_was_requested() {
    let text = br#"{"model":"a", "n":1, "n":2, "mod\u0065l":"b"}"#;
    let error = members(text, ["stream", "model"]).unwrap_err();
    assert_eq!(error.key(), Some("model"));
    assert_eq!(error.to_string(), "the key \"model\" must not be repeated; found again at line 1 column 29");
    assert!(members(text, ["stream"]).is_ok());
    let error = members(b"{\"Model\":1}", ["model"]).unwrap_err();
    assert_eq!(error.key(), Some("model"));
}

#[test]
fn in_a_text_that_is_only_read_the_last_exact_key_counts() {
    let text = br#"{"model":"a", "n":1, "mod\u0065l":"b", "Model":"c"}"#;
    let found = last_members_in(text, &(0..text.len()), ["model"]).unwrap();
    assert_eq!(&text[found.get("model").unwrap().value.clone()], br#""b""#);
}

#[test]
fn errors_have_a_position() {
    for (text, message) in [
        (&b""[..], "expected an object at line 1 column 1"),
        (b"[1]", "expected an object at line 1 column 1"),
        (b"{\"model\":", "expected a value at line 1 column 10"),
        (b"{\n \"\xC3\xA9\" 1}", "expected a colon at line 2 column 6"),
        (b"{\"a\":1,}", "expected a string in double quotes at line 1 column 8"),
        (b"{\"a\":[1 2]}", "expected a comma or the end of an array at line 1 column 9"),
        (b"{\"a\":1 2}", "expected a comma or the end of an object at line 1 column 8"),
        (b"{}\n{}", "expected the end of the text at line 2 column 1"),
        (b"{\"a\":01}", "expected a comma or the end of an object at line 1 column 7"),
        (b"{\"a\":-}", "expected a digit at line 1 column 7"),
        (b"{\"a\":1e999}", "expected a number in the range of a double at line 1 column 6"),
        (b"{\"a\n\":1}", "expected control characters to be escaped at line 1 column 4"),
        (b"{\"a", "expected the end of a string at line 1 column 4"),
        (b"{\"\\x\":1}", "expected a valid escape at line 1 column 3"),
        (b"{\"\\ud83dx\":1}", "expected the second half of a surrogate pair at line 1 column 9"),
        (b"{\"\xFF\":1}", "expected valid UTF-8 at line 1 column 3"),
        (b"\xEF\xBB\xBF{}", "expected an object at line 1 column 1"),
    ] {
        assert_eq!(error(text, ["model"]), message, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn the_nesting_limit_is_that_of_serde_json() {
    for depth in [1, 125, 126, 127, 128, 129, 100_000] {
        let text = format!("{{\"a\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let text = if depth == 1 { "{}".to_owned() } else { text };
        let oracle = serde_json::from_str::<Value>(&text).is_ok();
        assert_eq!(members(text.as_bytes(), []).is_ok(), oracle, "{depth}");
    }
}

/// The scanner accepts the same texts as `serde_json` and finds the same members.
fn check(text: &[u8]) {
    let oracle = serde_json::from_slice::<Value>(text).ok().filter(Value::is_object);
    let scanned = members(text, []);
    assert_eq!(scanned.is_ok(), oracle.is_some(), "{:?} {:?}", String::from_utf8_lossy(text), scanned.err());
    let Some(oracle) = oracle else { return };
    match members(text, ["model", "a"]) {
        Ok(found) => {
            for name in ["model", "a"] {
                let value = found.get(name).map(|member| &text[member.value.clone()]);
                let value = value.map(|raw| serde_json::from_slice::<Value>(raw).unwrap());
                assert_eq!(value.as_ref(), oracle.get(name));
            }
        }
        Err(error) => assert!(error.key().is_some()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_bytes_are_accepted_as_by_serde_json(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        check(&bytes);
        check(&[b"{\"a\":", &bytes[..], b"}"].concat());
        check(&[b"{\"a\":\"", &bytes[..], b"\"}"].concat());
    }

    #[test]
    fn json_and_almost_json_are_accepted_as_by_serde_json(
        text in samples::mutated(samples::json())
    ) {
        check(&text);
        check(&[b"{\"model\":", &text[..], b",\"b\":1}"].concat());
    }

    #[test]
    fn numbers_are_accepted_as_by_serde_json(number in samples::number()) {
        check(format!("{{\"a\":{number}}}").as_bytes());
    }

    #[test]
    fn strings_of_any_length_are_accepted_as_by_serde_json(
        fill in 0_usize..40, bytes in prop::collection::vec(any::<u8>(), 0..4), more in 0_usize..40
    ) {
        let text = [b"{\"a\":\"", &b"x".repeat(fill)[..], &bytes, &b"y".repeat(more), b"\"}"].concat();
        check(&text);
    }

    #[test]
    fn items_are_those_of_serde_json(text in samples::json()) {
        let (mut items, bytes) = (Vec::new(), text.as_bytes());
        let scanned = items_in(bytes, &(0..bytes.len()), &mut |item| items.push(&text[item]));
        let oracle = serde_json::from_str::<Value>(&text).ok().filter(Value::is_array);
        prop_assert_eq!(scanned.is_ok(), oracle.is_some());
        if let Some(oracle) = oracle {
            let items: Vec<Value> = items.iter().map(|raw| serde_json::from_str(raw).unwrap()).collect();
            prop_assert_eq!(&items, oracle.as_array().unwrap());
        }
    }
}
