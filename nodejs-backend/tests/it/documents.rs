use nodejs_backend::SERVICE;
use space_kit::testing::{assert_contract_fits, assert_documented};

use crate::browser::start;
use crate::mock_provider::MockProvider;

#[test]
fn the_openapi_document_lists_exactly_the_routes() {
    assert_contract_fits(&SERVICE);
}

#[test]
fn the_manual_and_the_example_file_list_all_variables() {
    assert_documented(&SERVICE, include_str!("../../README.md"), include_str!("../../.env.example"));
}

#[test]
fn every_error_has_the_shape_of_better_auth() {
    let service = start(&MockProvider::start(), &[]);
    for (reply, status, code) in [
        (service.get("/api/auth/nothing"), 404, "NOT_FOUND"),
        (service.get("/api/auth/get-session/"), 404, "NOT_FOUND"),
        (service.get("/api/auth/token"), 401, "UNAUTHORIZED"),
        (service.get("/dev/sign-in"), 404, "NOT_FOUND"),
        (service.request("POST", "/api/auth/get-session", &[], ""), 405, "METHOD_NOT_ALLOWED"),
        (service.get("/api/auth/ok\r\nx y: z"), 400, "BAD_REQUEST"),
    ] {
        let body = reply.json();
        assert_eq!((reply.status, body["code"].as_str()), (status, Some(code)), "{body}");
        assert!(body["message"].is_string() && body.as_object().unwrap().len() == 2, "{body}");
    }
}

#[test]
fn the_root_returns_links_to_programs_and_a_frameable_page_to_browsers() {
    let service = start(&MockProvider::start(), &[("FRAME_ANCESTORS", "'self' https://around.example")]);
    let about = service.get("/").json();
    assert_eq!(
        (about["service"].as_str(), about["providers"][0].as_str()),
        (Some("nodejs-backend"), Some("huggingface"))
    );
    let page = service.request("GET", "/", &[("accept", "text/html")], "");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'")
            && policy.ends_with("frame-ancestors 'self' https://around.example")
    );
    assert_eq!(service.request("HEAD", "/", &[], "").status, 200);
    for (words, directive) in [("none", "'none'"), ("self https://a.example", "'self' https://a.example")] {
        let service = start(&MockProvider::start(), &[("FRAME_ANCESTORS", words)]);
        let policy = service.get("/api/auth/error").header("content-security-policy").to_owned();
        assert!(policy.ends_with(&format!("frame-ancestors {directive}")), "{policy}");
    }
}
