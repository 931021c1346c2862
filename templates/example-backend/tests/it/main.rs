//! Tests the service as a process, over real sockets.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use example_backend::SERVICE;
use space_kit::testing::{Process, assert_contract_fits, assert_documented};

const KEY: &str = "correct-horse-battery";

fn start(env: &[(&str, &str)]) -> Process {
    Process::start(env!("CARGO_BIN_EXE_example-backend"), env)
}

#[test]
fn contract_lists_exactly_the_routes() {
    assert_contract_fits(&SERVICE);
}

#[test]
fn manual_and_env_example_match_the_variables() {
    assert_documented(&SERVICE, include_str!("../../README.md"), include_str!("../../.env.example"));
}

#[test]
fn greet_accepts_a_name_and_rejects_any_other_body() {
    let service = start(&[("GREETING", "Salut")]);
    let reply = service.request("POST", "/greet", &[], r#"{"name":"Ada"}"#);
    assert_eq!((reply.status, reply.text().as_str()), (200, r#"{"greeting":"Salut, Ada!"}"#));
    for body in ["", "[]", "{}", r#"{"name":""}"#, r#"{"name":7}"#] {
        let reply = service.request("POST", "/greet", &[], body);
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &"name".into()), "{body}");
    }
}

#[test]
fn greet_requires_the_key_if_one_is_set() {
    let service = start(&[("GREET_KEY", KEY)]);
    for (given, status) in [("", 401), ("Bearer wrong", 401), (&*format!("Bearer {KEY}"), 200)] {
        let reply = service.request("POST", "/greet", &[("authorization", given)], r#"{"name":"Ada"}"#);
        assert_eq!(reply.status, status, "{given}");
    }
}

#[test]
fn countdown_is_streamed_to_its_end() {
    let service = start(&[]);
    let reply = service.get("/countdown/3");
    assert_eq!((reply.status, reply.text().as_str(), reply.whole), (200, "3\n2\n1\n", true));
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(service.get("/countdown/1001").status, 400);
}

#[test]
fn root_answers_get_and_head_with_200_for_the_platform() {
    let service = start(&[]);
    for method in ["GET", "HEAD"] {
        assert_eq!(service.request(method, "/", &[], "").status, 200);
    }
}
