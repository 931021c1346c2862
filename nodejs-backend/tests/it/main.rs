//! The service as a process, over real sockets.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use nodejs_backend::SERVICE;
use space_kit::testing::{Process, assert_contract_fits, assert_documented};

fn start(env: &[(&str, &str)]) -> Process {
    Process::start(env!("CARGO_BIN_EXE_nodejs-backend"), env)
}

#[test]
fn the_contract_lists_exactly_the_routes() {
    assert_contract_fits(&SERVICE);
}

#[test]
fn the_manual_and_the_example_file_say_what_the_parser_does() {
    assert_documented(&SERVICE, include_str!("../../README.md"), include_str!("../../.env.example"));
}

#[test]
fn signed_out_is_null_and_never_cached() {
    let session = start(&[]).get("/api/auth/get-session");
    assert_eq!((session.status, session.text().as_str()), (200, "null"));
    assert_eq!((session.header("cache-control"), session.header("pragma")), ("no-store", "no-cache"));
    assert_eq!(session.header("content-type"), "application/json");
}

#[test]
fn ok_says_that_the_service_is_up() {
    assert_eq!(start(&[]).get("/api/auth/ok").text(), r#"{"ok":true}"#);
}

#[test]
fn every_error_has_better_auths_shape() {
    let service = start(&[]);
    for (reply, status, code) in [
        (service.get("/api/auth/nothing"), 404, "NOT_FOUND"),
        (service.request("POST", "/api/auth/get-session", &[], ""), 405, "METHOD_NOT_ALLOWED"),
        (service.get("/api/auth/ok\r\nx y: z"), 400, "BAD_REQUEST"),
    ] {
        let body = reply.json();
        assert_eq!((reply.status, body["code"].as_str()), (status, Some(code)), "{body}");
        assert!(body["message"].is_string() && body.as_object().unwrap().len() == 2, "{body}");
    }
}

#[test]
fn a_program_gets_links_and_a_browser_gets_a_page_that_the_hub_may_frame() {
    let service = start(&[]);
    assert_eq!(service.get("/").json()["service"], "nodejs-backend");
    let page = service.request("GET", "/", &[("accept", "text/html")], "");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").contains("frame-ancestors 'self' https://huggingface.co"));
    assert_eq!(service.request("HEAD", "/", &[], "").status, 200);
}

#[test]
fn a_site_reads_answers_with_credentials_only_where_it_is_named() {
    let service = start(&[("CORS_ORIGINS", "https://site.example")]);
    let named = service.request("GET", "/api/auth/get-session", &[("origin", "https://site.example")], "");
    assert_eq!(named.header("access-control-allow-origin"), "https://site.example");
    assert_eq!(named.header("access-control-allow-credentials"), "true");
    let other = service.request("GET", "/api/auth/get-session", &[("origin", "https://other.example")], "");
    assert_eq!(other.header("access-control-allow-origin"), "");
}
