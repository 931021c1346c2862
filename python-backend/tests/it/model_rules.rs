//! `MODELS` cannot be passed by.

use serde_json::json;

use crate::fake::{Fake, completion, json_answer};
use crate::support::{before, error_of, question};

#[test]
fn models_cannot_be_passed_by() {
    let fake = Fake::start(|_, stream| json_answer(stream, 200, "", &completion("hello").to_string()));
    let service = before(&fake, &[("MODELS", "org/model,llama3")]);
    let post = |path: &str, body: &serde_json::Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        service.request("POST", path, &[("content-type", "application/json")], &body)
    };
    assert_eq!(post("/v1/chat/completions", &question(json!({}))).status, 200);
    assert_eq!(post("/v1/responses?api-version=1", &json!({"model": "llama3"})).status, 200);
    let both = |path: &str, body, status, code: &str| {
        let reply = post(path, &body);
        assert_eq!(error_of(&reply), (status, code.to_owned()), "{path} {body}");
    };
    for path in ["/v1/chat/completions", "/v1/responses", "/v1/rerank"] {
        both(path, json!({"model": "llama3:405b"}), 404, "model_not_found");
        both(path, json!({"model": "llama3", "models": ["org/other"]}), 400, "invalid_value");
        both(path, json!({"model": "llama3", "fallbacks": ["org/other"]}), 400, "invalid_value");
        both(&format!("{path}?model=org/other"), json!({"model": "llama3"}), 400, "invalid_value");
    }
    both("/v1/rerank?a=b&model=org/other", json!(null), 400, "invalid_value");
    both("/v1/engines/org/other/completions", json!({"model": "llama3"}), 404, "unknown_url");
    assert_eq!(fake.count(), 2);
}
