//! What is read from a request body and changed in it.

use super::*;
use crate::json::samples;
use proptest::prelude::*;
use serde_json::{Value, json};

const USAGE_ON: Changes<'static> = Changes { model: None, usage: true, floats: false };
const FLOATS: Changes<'static> = Changes { model: None, usage: false, floats: true };

fn read(text: &str) -> Result<ChatBody, Error> {
    ChatBody::read(Bytes::copy_from_slice(text.as_bytes()))
}

fn text(pieces: Pieces) -> String {
    String::from_utf8(pieces.into_bytes().to_vec()).unwrap()
}

#[test]
fn the_members_that_the_gateway_needs_are_read() {
    let body = read(
        r#"{"model":"org\/n\u00e4me:groq","stream":true,"stream_options":{"include_usage":false},
           "encoding_format":"base64"}"#,
    )
    .unwrap();
    assert_eq!(body.model.as_deref(), Some("org/näme:groq"));
    assert_eq!((body.stream, body.include_usage), (true, Some(false)));
    assert_eq!(body.encoding_format.as_deref(), Some("base64"));
    let body = read(r#"{"model":null,"stream":null,"stream_options":null,"encoding_format":null}"#).unwrap();
    assert_eq!((body.model, body.stream, body.include_usage), (None, false, None));
}

#[test]
fn choices_are_counted_for_each_prompt() {
    for (body, choices) in [
        ("{}", 1),
        (r#"{"n":3}"#, 3),
        (r#"{"n":"many","prompt":"a"}"#, 1),
        (r#"{"n":2,"prompt":["a","b"]}"#, 4),
        (r#"{"prompt":[[1,2],[3]]}"#, 2),
        (r#"{"prompt":[1,2,3]}"#, 1),
        (r#"{"prompt":[]}"#, 1),
    ] {
        assert_eq!(read(body).unwrap().choices, choices, "{body}");
    }
}

#[test]
fn errors_name_the_path_in_the_json() {
    for (text, param, code) in [
        ("", None, "invalid_json"),
        ("[]", None, "invalid_json"),
        ("{\"model\":\"x\"", None, "invalid_json"),
        (r#"{"model":4}"#, Some("model"), "invalid_value"),
        (r#"{"model":""}"#, Some("model"), "invalid_value"),
        (r#"{"model":"a","model":"b"}"#, Some("model"), "invalid_value"),
        (r#"{"model":"a","MODEL":"b"}"#, Some("model"), "invalid_value"),
        (r#"{"stream":"true"}"#, Some("stream"), "invalid_value"),
        (r#"{"stream":1}"#, Some("stream"), "invalid_value"),
        (r#"{"stream_options":true}"#, Some("stream_options"), "invalid_value"),
        (r#"{"stream_options":{"include_usage":1}}"#, Some("stream_options.include_usage"), "invalid_value"),
        (
            r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#,
            Some("stream_options.include_usage"),
            "invalid_value",
        ),
        (r#"{"encoding_format":[]}"#, Some("encoding_format"), "invalid_value"),
    ] {
        let error = read(text).unwrap_err();
        assert_eq!((error.param.as_deref(), error.code), (param, code), "{text}: {}", error.message);
    }
    let named = |length| read(&format!(r#"{{"model":"{}"}}"#, "é".repeat(length)));
    assert!(named(256).is_ok());
    assert_eq!(named(257).unwrap_err().param.as_deref(), Some("model"));
}

#[test]
fn only_the_requested_parts_change() {
    let body = read(r#"{ "model" : "a", "stream":true , "n":1.0}"#).unwrap();
    assert_eq!(text(body.with_model("b\"c")), r#"{ "model" : "b\"c", "stream":true , "n":1.0}"#);
    let with_usage = r#"{ "model" : "a", "stream":true , "n":1.0,"stream_options":{"include_usage":true}}"#;
    assert_eq!(text(body.with(USAGE_ON)), with_usage);
    assert_eq!(text(read("{}").unwrap().with_model("b")), r#"{"model":"b"}"#);
}

#[test]
fn a_body_that_needs_no_change_is_not_copied() {
    let original =
        Bytes::from_static(br#"{"model":"a","stream":true,"stream_options":{"include_usage":true}}"#);
    let body = ChatBody::read(original.clone()).unwrap();
    for changes in [Changes::default(), USAGE_ON, FLOATS] {
        assert_eq!(body.with(changes).into_bytes().as_ptr(), original.as_ptr());
    }
    assert!(with_model(&original, "b").starts_with(br#"{"model":"b","stream":true,"#));
}

#[test]
fn usage_is_requested_inside_existing_options() {
    for (options, expected) in [
        ("null", r#"{"include_usage":true}"#),
        ("{ }", r#"{"include_usage":true }"#),
        (r#"{"x":1}"#, r#"{"x":1,"include_usage":true}"#),
        (r#"{"include_usage":false,"x":1}"#, r#"{"include_usage":true,"x":1}"#),
        (r#"{"include_usage": null}"#, r#"{"include_usage": true}"#),
        (r#"{"include_usage":true}"#, r#"{"include_usage":true}"#),
    ] {
        let body = read(&format!(r#"{{"stream":true,"stream_options":{options}}}"#)).unwrap();
        let expected = format!(r#"{{"stream":true,"stream_options":{expected}}}"#);
        assert_eq!(text(body.with(USAGE_ON)), expected);
    }
    assert_eq!(text(read(r#"{"stream":false}"#).unwrap().with(USAGE_ON)), r#"{"stream":false}"#);
}

#[test]
fn another_encoding_of_embeddings_becomes_float() {
    for (format, expected) in [("\"base64\"", "\"float\""), ("\"float\"", "\"float\""), ("null", "null")] {
        let body = read(&format!(r#"{{"encoding_format": {format}}}"#)).unwrap();
        assert_eq!(text(body.with(FLOATS)), format!(r#"{{"encoding_format": {expected}}}"#));
    }
    assert_eq!(text(read("{}").unwrap().with(FLOATS)), "{}");
}

/// The same changes on a tree.
fn model_edit(mut body: Value, changes: Changes<'_>) -> Value {
    if let Some(model) = changes.model {
        body["model"] = model.into();
    }
    if changes.usage && body["stream"] == true {
        body["stream_options"]["include_usage"] = true.into();
    }
    if changes.floats && body["encoding_format"].is_string() {
        body["encoding_format"] = "float".into();
    }
    body
}

fn member(name: &'static str, values: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(values).prop_map(move |value| match value {
        "" => String::new(),
        value => format!("\"{name}\":{value}"),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn changes_match_the_same_changes_to_a_tree(
        members in (
            member("model", &["", "\"a\"", "null", "\"\\u0061\\n\""]),
            member("stream", &["", "true", "true", "false", "null"]),
            member("stream_options", &["", "null", "{}", "{ \"x\" : [1] }", "{\"include_usage\":false}",
                "{\"include_usage\" : true, \"x\":0}", "{\"x\":0, \"include_usage\":null }"]),
            member("encoding_format", &["", "null", "\"float\"", "\"base64\""]),
            samples::valid_json().prop_map(|value| format!("\"messages\":{value}")),
        ).prop_map(|(a, b, c, d, e)| vec![a, b, c, d, e]).prop_shuffle(),
        space in samples::space(),
        model in prop::option::of(".{0,5}"),
        usage: bool,
        floats: bool,
    ) {
        let members: Vec<_> = members.into_iter().filter(|member| !member.is_empty()).collect();
        let original = format!("{{{space}{}{space}}}", members.join(&format!("{space},{space}")));
        let tree: Value = serde_json::from_str(&original).unwrap();
        let body = read(&original).unwrap();
        let changes = Changes { model: model.as_deref(), usage, floats };
        let changed: Value = serde_json::from_str(&text(body.with(changes))).unwrap();
        prop_assert_eq!(changed, model_edit(tree, changes));
        prop_assert_eq!(text(body.with(Changes::default())), original);
    }

    #[test]
    fn any_bytes_are_read_or_rejected(bytes in samples::mutated(samples::json())) {
        if let Ok(body) = ChatBody::read(Bytes::from(bytes)) {
            let changes = Changes { model: Some("m"), usage: true, floats: true };
            let changed: Value = serde_json::from_slice(&body.with(changes).into_bytes()).unwrap();
            prop_assert_eq!(&changed["model"], &json!("m"));
        }
    }
}
