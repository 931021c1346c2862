//! The page at `/`, CORS and the contract.

use crate::start;

#[test]
fn a_program_gets_links_and_a_browser_gets_a_page_that_the_hub_may_frame() {
    let service = start(&[]);
    let json = service.get("/");
    assert_eq!((json.status, json.header("content-type")), (200, "application/json"));
    assert_eq!(json.json()["service"], "python-backend");
    let accept = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let page = service.request("GET", "/", &accept, "");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'self' https://huggingface.co"), "{policy}");
    assert_eq!((json.header("vary"), page.header("vary")), ("accept", "accept"));
}

#[test]
fn the_page_may_run_only_the_script_of_a_sign_in_service_whose_tokens_are_accepted() {
    let accept = [("accept", "text/html")];
    let plain = start(&[]).request("GET", "/", &accept, "").header("content-security-policy").to_owned();
    for (issuer, audience, offered) in [
        ("https://auth.example", "https://auth.example", Some("https://auth.example")),
        ("dev:http://127.0.0.1:7861", "http://127.0.0.1:7861", Some("http://127.0.0.1:7861")),
        // Another issuer's tokens are for an application, not for itself.
        ("https://huggingface.co", "the-client", None),
        ("https://id.example/realm", "https://id.example/realm", None),
        ("https://auth.example", "https://other.example", None),
    ] {
        let service = start(&[("JWT_ISSUER", issuer), ("JWT_AUDIENCE", audience), ("JWT_ALLOW", "*")]);
        assert_eq!(service.get("/").json()["links"]["sign_in"].as_str(), offered, "{issuer}");
        let page = service.request("GET", "/", &accept, "");
        let policy = page.header("content-security-policy");
        match offered {
            Some(origin) => {
                assert!(policy.contains(&format!("connect-src 'self' {origin};")), "{policy}");
                assert!(policy.contains(&format!("' {origin}/sign-in/v1.js; base-uri")), "{policy}");
            }
            None => assert_eq!(policy, plain, "{issuer}"),
        }
    }
}

#[test]
fn a_head_request_is_200_without_a_body() {
    let head = start(&[]).request("HEAD", "/", &[], "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_ne!(head.header("content-length"), "0");
}

#[test]
fn a_page_of_any_site_may_call_it_and_read_the_request_id() {
    let service = start(&[]);
    let requested = "authorization,content-type,x-stainless-lang,x-stainless-retry-count";
    let origin = ("origin", "https://site.example");
    let preflight = service.request(
        "OPTIONS",
        "/v1/chat/completions",
        &[origin, ("access-control-request-method", "POST"), ("access-control-request-headers", requested)],
        "",
    );
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-origin"), "*");
    assert_eq!(preflight.header("access-control-allow-headers"), requested);
    let models = service.request("GET", "/v1/models", &[origin], "");
    assert_eq!(models.header("access-control-allow-origin"), "*");
    assert!(models.header("access-control-expose-headers").contains("x-request-id"));
}

#[test]
fn the_contract_is_served_unchanged() {
    let service = start(&[]);
    assert_eq!(service.get("/openapi.json").text(), python_backend::SERVICE.openapi);
}
