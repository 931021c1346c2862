//! Upstreams that expect their key in another header and a fixed query, and clients that speak Azure's paths.

use serde_json::json;

use crate::fake::{Fake, completion, json_answer};
use crate::support::{before, error_of, question};
use crate::{chat, start};

/// A gateway whose upstream has this query in its address.
fn with_query(fake: &Fake, query: &str, env: &[(&str, &str)]) -> space_kit::testing::Process {
    start(&[&[("UPSTREAM_URL", format!("{}{query}", fake.url()).as_str()), ("ACCESS", "open")], env].concat())
}

#[test]
fn each_upstream_gets_its_key_in_its_header_and_its_query() {
    let fake = Fake::json(completion("hello"));
    let url = format!("{}?api-version=preview,{}/anthropic/v1", fake.url(), fake.url());
    let env = [
        ("UPSTREAM_URL", url.as_str()),
        ("UPSTREAM_API_KEYS", "api-key:first-key,x-api-key:second-key"),
        ("UPSTREAM_MODELS", "gpt,claude-*"),
        ("ACCESS", "open"),
    ];
    let service = start(&env);
    assert_eq!(chat(&service, &question(json!({"model": "gpt"}))).status, 200);
    let seen = fake.next();
    assert_eq!(seen.line(), "POST /v1/chat/completions?api-version=preview HTTP/1.1");
    assert_eq!((seen.header("api-key"), seen.header("authorization")), ("first-key", ""));
    let body = json!({"model": "claude-x", "messages": [], "max_tokens": 1}).to_string();
    let headers = [("anthropic-version", "2024-01-01")];
    for (headers, version) in [(&[][..], "2023-06-01"), (&headers, "2024-01-01")] {
        assert_eq!(service.request("POST", "/v1/messages", headers, &body).status, 200);
        let seen = fake.next();
        assert_eq!(seen.line(), "POST /v1/anthropic/v1/messages HTTP/1.1");
        assert_eq!((seen.header("x-api-key"), seen.header("anthropic-version")), ("second-key", version));
    }
}

#[test]
fn a_key_in_another_header_is_hidden_in_errors_too() {
    let fake = Fake::start(|_, stream| {
        json_answer(stream, 401, "", r#"{"error":{"message":"wrong key secret-key-0"}}"#)
    });
    let service = with_query(&fake, "", &[("UPSTREAM_API_KEYS", "api-key:secret-key-0")]);
    let reply = chat(&service, &question(json!({})));
    assert_eq!(error_of(&reply), (401, "upstream_unauthorized".to_owned()));
    assert!(reply.text().contains("wrong key ***"), "{}", reply.text());
}

#[test]
fn azures_paths_are_served_like_those_under_v1() {
    let fake = Fake::json(json!({"data": []}));
    let service = with_query(&fake, "?api-version=preview", &[("MODEL_ALIASES", "fast=org/model")]);
    for (path, body, sent, model) in [
        ("deployments/fast/chat/completions", r#"{"messages":[]}"#, "chat/completions", "org/model"),
        ("deployments/org/m/chat/completions", r#"{"messages":[],"model":"x"}"#, "chat/completions", "org/m"),
        ("deployments/org%2Fm/embeddings", r#"{"input":"hi"}"#, "embeddings", "org/m"),
        ("deployments/fast/images/generations", r#"{"prompt":"hi"}"#, "images/generations", "org/model"),
        ("responses", r#"{"model":"fast","input":"hi"}"#, "responses", "org/model"),
        ("v1/responses", r#"{"model":"fast","input":"hi"}"#, "responses", "org/model"),
        ("v1/chat/completions", r#"{"model":"fast","messages":[]}"#, "chat/completions", "org/model"),
    ] {
        let path = format!("/openai/{path}?api-version=2024-10-21");
        let reply = service.request("POST", &path, &[("content-type", "application/json")], body);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        let seen = fake.next();
        assert_eq!(seen.line(), format!("POST /v1/{sent}?api-version=preview HTTP/1.1"), "{path}");
        assert_eq!(seen.json()["model"], model, "{path}");
    }
    for (path, status) in [
        ("/openai/models?api-version=2024-10-21", 200),
        ("/openai/v1/models/fast", 200),
        ("/openai/v1/v1/chat/completions", 404),
        ("/openai/deployments/../admin/embeddings", 400),
    ] {
        assert_eq!(service.get(path).status, status, "{path}");
    }
}

#[test]
fn a_caller_may_send_its_key_in_api_key() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[("API_KEYS", "site:a-key-of-enough-length")]);
    let body = question(json!({})).to_string();
    let path = "/openai/deployments/org/model/chat/completions";
    for (key, status) in [("a-key-of-enough-length", 200), ("another-key-of-the-same", 401)] {
        assert_eq!(service.request("POST", path, &[("api-key", key)], &body).status, status);
    }
    let seen = fake.next();
    assert_eq!((seen.header("api-key"), fake.count()), ("", 1), "{}", seen.head);
}
