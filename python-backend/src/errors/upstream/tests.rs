//! Errors in every form in which upstreams report them.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn of(status: u16, body: &str) -> Error {
    normalise(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes(), None)
}

#[test]
fn every_form_keeps_the_upstreams_message() {
    for (body, message) in [
        (json!({"error": "text"}), "text"),
        (json!({"error": {"message": "text", "type": "t"}}), "text"),
        (json!({"error": ["text", "more"]}), "text; more"),
        (json!({"error": {"error": {"detail": "text"}}}), "text"),
        (json!({"error": "Not Found", "message": "no such thing"}), "Not Found: no such thing"),
        (json!({"error": true, "message": "text"}), "text"),
        (json!({"error": null, "message": "text"}), "text"),
        (json!({"message": "text"}), "text"),
        (json!({"detail": "text"}), "text"),
        (json!({"type": "error", "error": {"type": "overloaded_error", "message": "text"}}), "text"),
        (json!([{"error": {"code": 400, "message": "text"}}]), "text"),
        (json!("text"), "text"),
        (json!({"reason": "text"}), r#"{"reason":"text"}"#),
        (json!({"error": {"reason": 3}}), r#"{"reason":3}"#),
    ] {
        assert_eq!(of(400, &body.to_string()).message, message, "{body}");
    }
}

#[test]
fn param_and_known_codes_are_kept() {
    let body = json!({"error": {"message": "The requested model 'x' is not supported by any provider.",
        "type": "invalid_request_error", "param": "model", "code": "model_not_supported"}});
    let error = of(400, &body.to_string());
    assert_eq!((error.code, error.param.as_deref()), ("model_not_supported", Some("model")));
    let error = of(400, &json!({"error": {"message": "x", "code": "brand_new"}}).to_string());
    assert_eq!(error.code, "invalid_request");
    assert!(error.into_reason().contains("brand_new"));
    assert_eq!(
        of(429, r#"{"error":{"message":"x","type":"insufficient_quota"}}"#).code,
        "insufficient_quota"
    );
}

#[test]
fn a_list_of_problems_becomes_one_line() {
    let body = json!({"detail": [
        {"loc": ["body", "messages", 0, "role"], "msg": "Field required", "type": "missing"},
        {"loc": [], "msg": "and more"},
        "what",
    ]});
    let error = of(422, &body.to_string());
    assert_eq!(error.message, "messages[0].role: Field required; and more; what");
    assert_eq!(error.param.as_deref(), Some("messages[0].role"));
}

#[test]
fn a_body_that_is_not_json_becomes_a_message() {
    for (body, message) in [
        ("  upstream connect error\n", "upstream connect error"),
        ("", "the upstream answered 502 Bad Gateway with no message"),
        ("{\"error\":", "{\"error\":"),
        (
            "<!DOCTYPE html><HTML><head><TITLE a='b'>\n 502  Bad\nGateway </title>…",
            "the upstream answered with a web page: 502 Bad Gateway",
        ),
        ("<html><body><h1>Sorry</h1></body>", "the upstream answered with a web page: Sorry"),
        ("<html>", "the upstream answered with a web page"),
        ("a\0b", "the upstream answered with 3 bytes that are not text"),
    ] {
        assert_eq!(of(502, body).message, message);
    }
    let html = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("Text/HTML; charset=utf-8"))]);
    let error = normalise(StatusCode::BAD_GATEWAY, &html, b"<p>x</p>", None);
    assert_eq!(error.message, "the upstream answered with a web page");
}

#[test]
fn the_status_selects_a_code_and_is_never_503() {
    for (status, expected, code) in [
        (401, 401, "upstream_unauthorized"),
        (402, 402, "insufficient_quota"),
        (404, 404, "unknown_url"),
        (413, 413, "request_too_large"),
        (429, 429, "rate_limit_exceeded"),
        (500, 500, "upstream_error"),
        (503, 502, "upstream_error"),
        (504, 504, "upstream_timeout"),
        (302, 502, "upstream_error"),
        (200, 502, "upstream_error"),
    ] {
        let error = of(status, "");
        assert_eq!((error.status.as_u16(), error.code), (expected, code), "{status}");
    }
    assert_eq!(of(404, "The model `x` does not exist").code, "model_not_found");
}

#[test]
fn a_delay_is_limited() {
    let rounded = [(7_000, "7", None), (0, "1", None), (1_200, "2", Some("1200")), (900_000, "60", None)];
    for (millis, kept, exact) in rounded.into_iter().chain([(59_500, "60", None)]) {
        let wait = Some(Duration::from_millis(millis));
        let error = normalise(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), b"", wait);
        let exact = exact.map(|exact| (RETRY_AFTER_MS, HeaderValue::from_static(exact)));
        let expected: Vec<_> =
            [(RETRY_AFTER, HeaderValue::from_static(kept))].into_iter().chain(exact).collect();
        assert_eq!(error.headers, expected, "{millis}");
    }
    assert!(of(429, "").headers.is_empty());
}

#[test]
fn an_error_in_a_stream_has_the_status_of_its_code() {
    for (code, status) in [
        (json!("content_filter"), 400),
        (json!("context_length_exceeded"), 400),
        (json!("insufficient_quota"), 402),
        (json!("rate_limit_exceeded"), 429),
        (json!("429"), 429),
        (json!("brand_new"), 502),
        (json!(200), 502),
    ] {
        let error = from_event(json!({"error": {"message": "no", "code": code}}).to_string().as_bytes());
        assert_eq!(error.status.as_u16(), status, "{code}");
    }
}

#[test]
fn an_error_in_a_stream_has_the_status_it_names() {
    let error = from_event(br#"{"error":{"message":"too long","code":400}}"#);
    assert_eq!((error.status, &*error.message), (StatusCode::BAD_REQUEST, "too long"));
    let error = from_event(br#"{"error":"busy","error_type":"overloaded","code":503}"#);
    assert_eq!((error.status, &*error.message), (StatusCode::BAD_GATEWAY, "busy"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_body_becomes_an_error_with_a_message_and_never_503(
        status in 100_u16..1000,
        body in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            crate::json::samples::mutated(crate::json::samples::json()),
            "<(!doctype |html|title|h1|p)>?(.|\n|İ|é|<|>){0,20}".prop_map(String::into_bytes),
        ],
        name in prop::sample::select(&["error", "message", "detail", "msg", "errors", "code"][..]),
    ) {
        let status = StatusCode::from_u16(status).unwrap();
        let wrapped = [format!("{{\"{name}\":").as_bytes(), &body, b"}"].concat();
        for body in [&body, &wrapped] {
            for error in [normalise(status, &HeaderMap::new(), body, None), from_event(body)] {
                prop_assert!(error.status.as_u16() >= 400 && error.status != StatusCode::SERVICE_UNAVAILABLE);
                let length = error.message.chars().count();
                prop_assert!((1..=MAX_MESSAGE_CHARS + 1).contains(&length), "{}", length);
            }
        }
    }

    #[test]
    fn messages_are_kept_up_to_the_limit(words in "(.|\n){1,12}", times in 1_usize..300) {
        let words = format!("<{}>", words.repeat(times));
        let clipped = clip(&words, MAX_MESSAGE_CHARS);
        for body in [json!({"error": words}), json!({"error": {"message": words}}), json!({"detail": words})] {
            prop_assert_eq!(&*of(400, &body.to_string()).message, &clipped);
        }
    }
}
