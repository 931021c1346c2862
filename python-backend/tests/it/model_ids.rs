//! Model ids in paths, the list of models, and misspelled addresses.

use serde_json::{Value, json};
use space_kit::testing::Reply;

use crate::fake::{Fake, completion, json_answer};
use crate::support::{before, error_of};

fn ids(reply: &Reply) -> Vec<Value> {
    reply.json()["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect()
}

#[test]
fn a_model_id_may_be_percent_encoded_in_a_path() {
    let fake = Fake::json(json!({"id": "org/model", "object": "model"}));
    let service = before(&fake, &[]);
    for (asked, sent) in [
        ("org%2Fmodel", "org/model"),
        ("org%2fmodel%3Agroq", "org/model:groq"),
        ("org/model", "org/model"),
        ("%6Frg/mod%65l", "org/model"),
        ("a%20b%3Fc%2523%C3%A9", "a%20b%3Fc%2523%C3%A9"),
    ] {
        let path = format!("/v1/models/{asked}");
        assert_eq!(service.get(&path).status, 200, "{asked}");
        assert_eq!(fake.next().line(), format!("GET /v1/models/{sent} HTTP/1.1"));
    }
    for odd in [
        "..%2Fadmin",
        "org%2F..%2Fadmin",
        "%2e%2e/admin",
        "org%5Cmodel",
        "a%2F%2Fb",
        "a%0Ab",
        "%FF",
        "a%2",
        "%2Fa",
        "a%2F",
    ] {
        let reply = service.get(&format!("/v1/models/{odd}"));
        assert_eq!(error_of(&reply), (400, "invalid_path".to_owned()), "{odd}");
    }
    assert_eq!(fake.count(), 5);
}

#[test]
fn a_percent_encoded_id_is_found_in_the_list_of_models() {
    let fake = Fake::json(json!({}));
    let service =
        before(&fake, &[("MODELS", "org/model,org/model:groq"), ("MODEL_ALIASES", "my/fast=org/model:groq")]);
    for (asked, id) in
        [("org%2Fmodel", "org/model"), ("org%2Fmodel%3Agroq", "org/model:groq"), ("my%2Ffast", "my/fast")]
    {
        let reply = service.get(&format!("/v1/models/{asked}"));
        assert_eq!((reply.status, reply.json()["id"].as_str()), (200, Some(id)), "{asked}");
    }
    let reply = service.get("/v1/models/org%2Fother");
    assert_eq!(error_of(&reply), (404, "model_not_found".to_owned()));
    assert_eq!(fake.count(), 0);
}

#[test]
fn the_demo_model_is_listed_only_if_nothing_else_is_served_or_by_choice() {
    let fake = Fake::json(json!({"object": "list", "data": [{"id": "org/big"}]}));
    assert_eq!(ids(&before(&fake, &[]).get("/v1/models")), ["org/big"]);
    assert_eq!(ids(&before(&fake, &[("DEFAULT_MODEL", "demo")]).get("/v1/models")), ["org/big", "demo"]);
    let listed = before(&fake, &[("MODELS", "demo,org/big")]);
    assert_eq!(ids(&listed.get("/v1/models")), ["org/big", "demo"]);
    let limited = before(&fake, &[("MODELS", "org/big")]);
    assert_eq!(ids(&limited.get("/v1/models")), ["org/big"]);
    let body = r#"{"model":"org/other","messages":[]}"#;
    let reply = limited.request("POST", "/v1/chat/completions", &[], body);
    assert!(reply.text().contains("available: org/big\""), "{}", reply.text());
    let nothing_else = crate::start(&[]);
    assert_eq!(ids(&nothing_else.get("/v1/models")), ["demo"]);
    let reply = nothing_else.request("POST", "/v1/chat/completions", &[], body);
    assert!(
        reply.text().contains("available: demo; neither HF_TOKEN nor UPSTREAM_URL is set\""),
        "{}",
        reply.text()
    );
    assert_eq!(limited.get("/v1/models/demo").status, 200, "it still answers to its name");
}

#[test]
fn a_path_that_repeats_the_base_url_is_rejected_with_the_usual_one() {
    let fake = Fake::start(|_, stream| json_answer(stream, 200, "", &completion("hello").to_string()));
    let service = before(&fake, &[]);
    for (odd, usual) in [
        ("/v1/v1/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/models/org/model", "/v1/models/org/model"),
        ("/v1/V1/v1//responses", "/v1/responses"),
        ("/v1/chat/completions/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/models", "/v1/models"),
        ("/v1/embeddings/embeddings", "/v1/embeddings"),
    ] {
        for method in ["GET", "POST"] {
            let reply = service.request(method, odd, &[], "");
            assert_eq!(error_of(&reply), (404, "unknown_url".to_owned()), "{odd}");
            assert!(reply.text().contains(&format!("use {usual}\"")), "{odd}: {}", reply.text());
        }
    }
    assert_eq!(service.get("/v1/chat/completions/chatcmpl-1/messages").status, 200, "a stored completion");
    assert_eq!(fake.count(), 1);
}
