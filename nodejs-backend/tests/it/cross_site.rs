//! Requests from pages of other sites are rejected unless the site is trusted.

use crate::browser::{BASE, Browser, SITE, start};
use crate::mock_provider::MockProvider;

const START: &str = "/api/auth/sign-in/social";
const BODY: &str = r#"{"provider":"huggingface"}"#;

#[test]
fn a_post_is_accepted_only_from_trusted_origins_with_and_without_cookies() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let other_port = "http://127.0.0.1:7862";
    for (origin, site, without, with) in [
        (BASE, "", 200, 200),
        (SITE, "", 200, 200),
        (SITE, "cross-site", 200, 200),
        ("https://evil.example", "", 403, 403),
        (other_port, "same-site", 403, 403),
        ("https://site.example.evil.example", "", 403, 403),
        ("null", "", 403, 403),
        ("null", "same-origin", 200, 200),
        ("", "same-origin", 200, 200),
        ("", "cross-site", 403, 403),
        ("", "", 200, 403),
    ] {
        let mut ann = Browser::default();
        ann.sign_in(&service, &provider);
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(Some(("origin", origin)).filter(|_| !origin.is_empty()));
        headers.extend(Some(("sec-fetch-site", site)).filter(|_| !site.is_empty()));
        let reply = service.request("POST", START, &headers, BODY);
        assert_eq!(reply.status, without, "{origin:?} {site:?} without cookies");
        let reply = ann.clone().send(&service, "POST", START, &headers, BODY);
        assert_eq!(reply.status, with, "{origin:?} {site:?} with cookies");
        let out = ann.clone().send(&service, "POST", "/api/auth/sign-out", &headers, "{}");
        if with == 403 {
            assert_eq!(out.status, 403);
            assert_eq!(ann.user(&service).as_deref(), Some("65f0"), "the visitor is still signed in");
        }
    }
}

#[test]
fn a_form_or_text_body_is_rejected() {
    let service = start(&MockProvider::start(), &[]);
    for kind in ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"] {
        for path in [START, "/api/auth/sign-out"] {
            let reply = service.request("POST", path, &[("content-type", kind), ("origin", BASE)], BODY);
            assert_eq!((reply.status, reply.json()["code"].as_str()), (415, Some("UNSUPPORTED_MEDIA_TYPE")));
        }
    }
    assert_eq!(service.request("POST", START, &[("origin", BASE)], BODY).status, 415);
}

#[test]
fn only_a_trusted_site_can_read_responses_with_credentials() {
    let service = start(&MockProvider::start(), &[]);
    let session = |origin| service.request("GET", "/api/auth/get-session", &[("origin", origin)], "");
    let named = session(SITE);
    assert_eq!(named.header("access-control-allow-origin"), SITE);
    assert_eq!(named.header("access-control-allow-credentials"), "true");
    assert!(named.header("access-control-expose-headers").contains("set-auth-jwt"));
    for other in ["https://evil.example", "null", "https://site.example.evil.example"] {
        assert_eq!(session(other).header("access-control-allow-origin"), "", "{other}");
    }
    let asked = [
        ("origin", SITE),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    let preflight = service.request("OPTIONS", START, &asked, "");
    assert_eq!(preflight.header("access-control-allow-headers"), "authorization,content-type");
    let foreign =
        service.request("OPTIONS", START, &[("origin", "https://evil.example"), asked[1], asked[2]], "");
    assert_eq!(foreign.header("access-control-allow-origin"), "");
}
