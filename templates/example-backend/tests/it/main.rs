//! Tests the service as a process, over real sockets.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use example_backend::{OPERATIONS, SERVICE};
use space_kit::testing::{Process, Upstream, assert_generated};

const KEY: &str = "correct-horse-battery";
const JSON: (&str, &str) = ("content-type", "application/json");

fn start(env: &[(&str, &str)]) -> Process {
    Process::start(env!("CARGO_BIN_EXE_example-backend"), env)
}

#[test]
fn document_manual_and_env_example_follow_from_the_tables() {
    assert_generated(&SERVICE, OPERATIONS, env!("CARGO_MANIFEST_DIR"));
}

#[test]
#[ignore = "writes openapi.json, .env.example and the manual's table: cargo test -p example-backend -- --ignored write_generated"]
fn write_generated() {
    space_kit::testing::write_generated(&SERVICE, OPERATIONS, env!("CARGO_MANIFEST_DIR"));
}

#[test]
fn notes_are_listed_from_the_newest_and_the_oldest_are_dropped() {
    let service = start(&[("MAX_NOTES", "2")]);
    assert_eq!(service.get("/notes").text(), "[]");
    for text in ["one", "two", "three"] {
        let note = format!(r#"{{"text":"{text}"}}"#);
        let reply = service.request("POST", "/notes", &[JSON], &note);
        assert_eq!((reply.status, reply.text()), (201, note));
    }
    assert_eq!(service.get("/notes").text(), r#"[{"text":"three"},{"text":"two"}]"#);
    assert_eq!(service.get("/notes?limit=1").text(), r#"[{"text":"three"}]"#);
}

#[test]
fn invalid_input_is_a_400_that_names_the_field() {
    let service = start(&[]);
    for body in ["{}", r#"{"text":""}"#, r#"{"text":7}"#] {
        let reply = service.request("POST", "/notes", &[JSON], body);
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &"text".into()), "{body}");
    }
    for (path, param) in [("/notes?limit=0", "limit"), ("/notes?limit=x", "limit"), ("/countdown/1001", "from")] {
        let reply = service.get(path);
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &param.into()), "{path}");
    }
    assert_eq!(service.get("/notes").text(), "[]");
}

#[test]
fn creating_a_note_requires_the_key_if_one_is_set() {
    let service = start(&[("NOTES_KEY", KEY)]);
    for (given, status) in [("", 401), ("Bearer wrong", 401), (&*format!("Bearer {KEY}"), 201)] {
        let reply = service.request("POST", "/notes", &[JSON, ("authorization", given)], r#"{"text":"a"}"#);
        assert_eq!(reply.status, status, "{given}");
    }
    assert_eq!(service.get("/notes").text(), r#"[{"text":"a"}]"#);
}

#[test]
fn countdown_is_streamed_to_its_end() {
    let service = start(&[]);
    let reply = service.get("/countdown/3");
    assert_eq!((reply.status, reply.text().as_str(), reply.whole), (200, "3\n2\n1\n", true));
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
}

#[test]
fn models_are_those_of_the_other_service_or_a_502_says_that_it_failed() {
    let upstream = Upstream::start(200, r#"[{"id":"a/b","likes":3,"tags":[]}]"#);
    let service = start(&[("MODELS_URL", &format!("{}/api/models?limit=5", upstream.url))]);
    assert_eq!(service.get("/models").text(), r#"[{"id":"a/b","likes":3}]"#);
    assert!(upstream.request().starts_with("GET /api/models?limit=5 HTTP/1.1\r\n"));
    let failing = start(&[("MODELS_URL", &Upstream::start(500, "secret").url)]);
    let reply = failing.get("/models");
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (502, &"upstream_failed".into()));
    assert!(!reply.text().contains("secret"));
}

#[test]
fn root_answers_get_and_head_with_200_for_the_platform() {
    let service = start(&[]);
    for method in ["GET", "HEAD"] {
        assert_eq!(service.request(method, "/", &[], "").status, 200);
    }
}
