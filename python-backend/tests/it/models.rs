//! The models that callers may name.

use serde_json::json;

use crate::chat;
use crate::fake::{Fake, completion, json_answer, until_closed};
use crate::support::{before, error_of, question};

#[test]
fn models_have_aliases_an_allow_list_and_a_default() {
    let fake = Fake::json(completion("hello"));
    let service = before(
        &fake,
        &[("MODELS", "org/model"), ("MODEL_ALIASES", "fast=org/small:groq"), ("DEFAULT_MODEL", "fast")],
    );
    for (requested, sent) in [("org/model", "org/model"), ("fast", "org/small:groq")] {
        assert_eq!(chat(&service, &question(json!({"model": requested}))).status, 200, "{requested}");
        assert_eq!(fake.next().json()["model"], sent);
    }
    let mut nameless = question(json!({}));
    nameless.as_object_mut().unwrap().remove("model");
    assert_eq!(chat(&service, &nameless).status, 200);
    assert_eq!(fake.next().json()["model"], "org/small:groq");
    let reply = chat(&service, &question(json!({"model": "org/other"})));
    assert_eq!(error_of(&reply), (404, "model_not_found".to_owned()));
    let reply = chat(&service, &question(json!({"model": "org/model:x"})));
    assert_eq!(error_of(&reply), (404, "model_not_found".to_owned()), "only Hugging Face has pins");
    let reply = service.request("POST", "/v1/responses", &[], r#"{"model":"org/other","input":"hi"}"#);
    assert_eq!(error_of(&reply), (404, "model_not_found".to_owned()));
    let reply = service.request("POST", "/v1/audio/transcriptions", &[], "--form--");
    assert_eq!(error_of(&reply), (415, "unsupported_media_type".to_owned()));
    let listed = service.get("/v1/models").json();
    let ids: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["fast", "org/model"]);
    assert_eq!(service.get("/v1/models/org/model").status, 200);
    assert_eq!(service.get("/v1/models/org/other").status, 404);
    assert_eq!(fake.count(), 3);
}

#[test]
fn the_upstreams_models_are_listed_with_the_aliases() {
    let fake = Fake::json(json!({"object": "list", "data": [{"id": "org/big", "pricing": {"input": 0.1}}]}));
    let service = before(&fake, &[("MODEL_ALIASES", "fast=org/big")]);
    let listed = service.get("/v1/models").json();
    let ids: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["fast", "org/big"]);
    assert_eq!(listed["data"][1]["pricing"]["input"], 0.1);
    assert_eq!(fake.next().line(), "GET /v1/models HTTP/1.1");
}

#[test]
fn an_alias_of_a_model_named_demo_is_forwarded() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[("MODEL_ALIASES", "theirs=demo")]);
    assert_eq!(chat(&service, &question(json!({"model": "theirs"}))).json(), completion("hello"));
    assert_eq!(fake.next().json()["model"], "demo");
}

#[test]
fn the_demo_model_is_available_next_to_an_upstream() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[]);
    let reply = chat(&service, &question(json!({"model": "demo"})));
    assert!(reply.text().contains("This is the demo model"));
    assert_eq!(fake.count(), 0);
    assert!(service.log("\"usage\"").contains(r#""model":"demo","prompt_tokens":1,"#));
}

#[test]
fn with_a_list_of_models_each_request_must_name_one() {
    let fake = Fake::json(json!({}));
    let limited = before(&fake, &[("MODELS", "org/model")]);
    let reply = limited.request("POST", "/v1/responses", &[], r#"{"input":"x"}"#);
    assert_eq!(error_of(&reply), (400, "invalid_value".to_owned()));
    assert_eq!(reply.json()["error"]["param"], "model");
    assert_eq!(limited.request("DELETE", "/v1/responses/r_1", &[], "").status, 200, "it runs no model");
    assert_eq!(before(&fake, &[]).request("POST", "/v1/responses", &[], r#"{"input":"x"}"#).status, 200);
    assert_eq!(fake.count(), 2);
}

#[test]
fn the_demo_model_can_be_the_default() {
    let fake = Fake::json(completion("hello"));
    let nameless = json!({"messages": [{"role": "user", "content": "hi"}]});
    for more in [&[][..], &[("UPSTREAM_API_KEYS", "sk-upstream")]] {
        let service = before(&fake, &[&[("DEFAULT_MODEL", "demo")], more].concat());
        let reply = chat(&service, &nameless);
        assert!(reply.text().contains("This is the demo model"), "{}", reply.text());
    }
    assert_eq!(fake.count(), 0);
}

#[test]
fn the_list_works_without_an_upstreams_list_and_takes_a_slot() {
    let fake = Fake::start(|_, stream| json_answer(stream, 404, "", r#"{"detail":"Not Found"}"#));
    let service = before(&fake, &[("MODEL_ALIASES", "fast=org/big")]);
    let reply = service.get("/v1/models");
    let ids: Vec<_> = reply.json()["data"].as_array().unwrap().iter().map(|m| m["id"].clone()).collect();
    assert_eq!((reply.status, ids), (200, vec![json!("fast")]));
    let silent = Fake::start(|_, stream| until_closed(stream));
    let env = [("MAX_CONCURRENT", "1"), ("QUEUE_LENGTH", "0")];
    let service = before(&silent, &env);
    let _first = space_kit::testing::send(service.address, "GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n");
    silent.next();
    assert_eq!(error_of(&service.get("/v1/models")), (429, "overloaded".to_owned()));
}
