//! Several upstreams with different models.

use serde_json::{Value, json};
use space_kit::testing::{Process, Reply};

use crate::failover::rejecting;
use crate::fake::{Fake, GOOD, completion, json_answer, until_closed};
use crate::support::{assert_clean, before_all, error_of, question, streamed};
use crate::{chat, start};

const NO_MODEL: &str =
    r#"{"error":{"message":"The model `x` does not exist.","type":"NotFoundError","code":404}}"#;

/// An upstream that has this model and no other.
fn with_model(model: &'static str) -> Fake {
    Fake::start(move |seen, stream| match seen.line().starts_with("GET") {
        true => json_answer(stream, 200, "", &json!({"object": "list", "data": [{"id": model}]}).to_string()),
        false if seen.json()["model"] == model => {
            json_answer(stream, 200, "", &completion(model).to_string())
        }
        false => json_answer(stream, 404, "", NO_MODEL),
    })
}

fn ids(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect()
}

#[track_caller]
fn assert_from(service: &Process, model: &str, text: &str) {
    let reply = chat(service, &question(json!({"model": model})));
    assert_eq!(reply.json()["choices"][0]["message"]["content"], text, "{}", reply.text());
}

#[test]
fn a_model_that_an_upstream_does_not_have_is_asked_of_the_next() {
    for (status, body) in [
        (404, NO_MODEL),
        (404, r#"{"error":{"code":"DeploymentNotFound","message":"The API deployment does not exist."}}"#),
        (404, r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}"#),
        (
            400,
            r#"{"error":{"message":"no","type":"invalid_request_error","param":"model","code":"model_not_supported"}}"#,
        ),
        (400, r#"{"error":{"message":"no","param":"model","code":"model_not_found"}}"#),
    ] {
        let (first, second) = (rejecting(status, "", body), Fake::events(GOOD));
        let service = before_all(&[&first, &second], &[]);
        assert_clean(&chat(&service, &streamed()), "hello");
        assert_clean(&chat(&service, &streamed()), "hello");
        assert_eq!((first.count(), second.count()), (1, 2), "it is remembered: {body}");
    }
}

#[test]
fn a_model_that_no_upstream_has_is_not_found_and_each_is_asked_once() {
    let (first, second) = (with_model("a"), with_model("b"));
    let service = before_all(&[&first, &second], &[("UPSTREAM_TRIES", "9")]);
    let reply = chat(&service, &question(json!({"model": "c"})));
    assert_eq!(error_of(&reply), (404, "model_not_found".to_owned()));
    assert_eq!((first.count(), second.count()), (1, 1));
    let (broken, other) = (rejecting(500, "", "{}"), with_model("b"));
    let service = before_all(&[&broken, &other], &[]);
    let reply = chat(&service, &question(json!({"model": "c"})));
    assert_eq!(reply.status, 500, "the one that may have it failed");
    assert_eq!((broken.count(), other.count()), (2, 1));
}

#[test]
fn a_not_found_that_is_not_about_the_model_is_final() {
    let (first, second) = (rejecting(404, "", r#"{"error":{"message":"no such path"}}"#), with_model("b"));
    let service = before_all(&[&first, &second], &[]);
    assert_eq!(chat(&service, &question(json!({"model": "b"}))).status, 404);
    assert_eq!(second.count(), 0);
}

#[test]
fn the_operator_assigns_models_to_upstreams() {
    let upstreams = [with_model("a"), with_model("my/model"), with_model("claude-x")];
    let [any, own, claude] = &upstreams;
    let env = [("UPSTREAM_MODELS", "*,my/model,claude-*"), ("MODEL_ALIASES", "fast=my/model")];
    let service = before_all(&[any, own, claude], &env);
    assert_from(&service, "a", "a");
    assert_from(&service, "fast", "my/model");
    assert_from(&service, "claude-x", "claude-x");
    assert_eq!(upstreams.each_ref().map(Fake::count), [1, 1, 1], "each request went to one");
    let reply = chat(&service, &question(json!({"model": "b"})));
    assert_eq!(error_of(&reply), (404, "model_not_found".to_owned()));
    assert_eq!(upstreams.each_ref().map(Fake::count), [2, 1, 1]);
    let limited = before_all(&[own], &[("UPSTREAM_MODELS", "my/model")]);
    let reply = chat(&limited, &question(json!({"model": "b"})));
    assert_eq!(error_of(&reply), (404, "model_not_found".to_owned()));
    assert!(reply.text().contains("available: my/model\""), "{}", reply.text());
    assert_eq!(own.count(), 1);
}

#[test]
fn the_list_of_models_is_the_union_and_the_first_listing_of_a_model_counts() {
    let list = |text: &'static str| {
        Fake::start(move |_, stream| json_answer(stream, 200, "", &format!(r#"{{"data":[{text}]}}"#)))
    };
    let first = list(r#"{"id":"a","owned_by":"first"},{"id":"b"},{"id":"hidden"}"#);
    let second = list(r#"{"id":"c"},{"id":"a","owned_by":"second"},{"id":"fast"}"#);
    let broken = rejecting(500, "", "{}");
    let unlisted = rejecting(404, "", r#"{"detail":"Not Found"}"#);
    let env = [("UPSTREAM_MODELS", "a b,*,*,gpt o*"), ("MODEL_ALIASES", "fast=a")];
    let service = before_all(&[&first, &second, &broken, &unlisted], &env);
    let reply = service.get("/v1/models");
    assert_eq!(ids(&reply), ["fast", "a", "b", "c", "gpt"]);
    assert_eq!(reply.json()["data"][1]["owned_by"], "first");
    assert_eq!((broken.count(), unlisted.count()), (1, 1));
    assert_eq!(service.get("/v1/models/gpt").json()["id"], "gpt");
    let service = before_all(&[&broken, &broken], &[]);
    assert_eq!(service.get("/v1/models").status, 500, "if all fail, the first error");
}

#[test]
fn a_silent_upstream_does_not_hold_the_list_of_the_others() {
    let silent = Fake::start(|_, stream| until_closed(stream));
    let service = before_all(&[&silent, &with_model("b")], &[("UPSTREAM_TIMEOUT", "500ms")]);
    assert_eq!(ids(&service.get("/v1/models")), ["b"]);
}

#[test]
fn an_upstream_that_lists_a_model_is_asked_first() {
    let (first, second) = (with_model("a"), with_model("b"));
    let service = before_all(&[&first, &second], &[]);
    assert_eq!(ids(&service.get("/v1/models")), ["a", "b"]);
    assert_from(&service, "b", "b");
    assert_from(&service, "a", "a");
    assert_eq!((first.count(), second.count()), (2, 2));
    assert_eq!(service.get("/v1/models/b").json()["data"][0]["id"], "b", "and for the model itself");
    assert_eq!((first.count(), second.count()), (2, 3));
}

#[test]
fn a_response_in_the_background_is_created_once() {
    let cut = Fake::start(|_, _| false);
    let (second, body) = (with_model("a"), json!({"model": "a", "input": "hi", "background": true}));
    let urls = format!("{},{}", cut.url(), second.url());
    let service = start(&[("UPSTREAM_URL", urls.as_str())]);
    assert_eq!(service.request("POST", "/v1/responses", &[], &body.to_string()).status, 502);
    assert_eq!((cut.count(), second.count()), (1, 0));
    let body = json!({"model": "a", "input": "hi", "background": false});
    assert_eq!(service.request("POST", "/v1/responses", &[], &body.to_string()).status, 200);
}
