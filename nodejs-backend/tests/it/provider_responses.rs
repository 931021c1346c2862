//! Unusable responses of a provider: redirects, large, slow or missing responses, no JSON, and invalid metadata.

use serde_json::json;

use crate::browser::{Browser, start};
use crate::mock_provider::{MockProvider, http, query};
use crate::provider_rules::{change, outcome};

const DISCOVERY: &str = "/.well-known/openid-configuration";

/// The error code of a sign-in, at its start or at the callback.
fn sign_in_error(provider: &MockProvider) -> Option<String> {
    let service = start(provider, &[]);
    let mut ann = Browser::default();
    let mut reply = ann.get(&service, "/login/huggingface");
    if reply.header("location").contains("/authorize") {
        reply = ann.get(&service, &Browser::consent(provider, reply.header("location")));
    }
    query(reply.header("location")).get("error").cloned()
}

#[test]
fn redirects_of_the_provider_are_not_followed() {
    let elsewhere = MockProvider::start();
    for (path, status) in
        [("/token", "307 Temporary Redirect"), ("/token", "302 Found"), ("/userinfo", "302 Found")]
    {
        let answer = format!(
            "HTTP/1.1 {status}\r\nlocation: {}{path}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            elsewhere.issuer
        );
        assert!(outcome(&MockProvider::responding(path, answer)).is_some());
    }
    assert_eq!(elsewhere.count("/token") + elsewhere.count("/userinfo"), 0);
    for (path, document) in [(DISCOVERY, DISCOVERY), ("/jwks", "/jwks")] {
        let answer = format!(
            "HTTP/1.1 302 Found\r\nlocation: {}{document}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            elsewhere.issuer
        );
        assert_eq!(
            sign_in_error(&MockProvider::responding(path, answer)),
            Some("provider_unavailable".to_owned()),
            "{path}"
        );
        assert_eq!(elsewhere.count(path), 0);
    }
}

#[test]
fn a_response_that_is_too_large_or_not_json_is_rejected() {
    let huge = "x".repeat(70_000);
    for path in ["/token", "/userinfo", "/jwks"] {
        let provider = MockProvider::responding(path, http("200 OK", &json!({"x": huge, "sub": "65f0"})));
        assert!(outcome(&provider).is_some(), "{path}");
        let html =
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
        assert!(outcome(&MockProvider::responding(path, html)).is_some(), "{path}");
    }
}

#[test]
fn an_endless_response_is_aborted_after_64_kib() {
    let endless =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 60000000\r\n\r\n".to_owned();
    let provider = MockProvider::responding("/token", endless + &" ".repeat(200_000));
    assert_eq!(outcome(&provider).as_deref(), Some("provider_unavailable"));
}

#[test]
fn a_silent_token_endpoint_times_out_after_ten_seconds() {
    let provider = MockProvider::responding("/token", "");
    assert_eq!(outcome(&provider).as_deref(), Some("provider_unavailable"));
}

#[test]
fn missing_or_slow_documents_time_out_after_ten_seconds() {
    let tries = [(DISCOVERY, false), (DISCOVERY, true), ("/jwks", false), ("/jwks", true)];
    let threads = tries.map(|(path, drips)| {
        std::thread::spawn(move || {
            let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n";
            let provider = MockProvider::responding(path, if drips { answer } else { "" });
            let begin = std::time::Instant::now();
            assert_eq!(sign_in_error(&provider).as_deref(), Some("provider_unavailable"), "{path} {drips}");
            assert!(
                (9..20).contains(&begin.elapsed().as_secs()),
                "{path} {drips} took {:?}",
                begin.elapsed()
            );
        })
    });
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn metadata_of_another_issuer_or_with_unsafe_addresses_is_rejected() {
    for changes in [
        json!({"issuer": "https://evil.example"}),
        json!({"issuer": null}),
        json!({"token_endpoint": "http://id.example/token"}),
        json!({"authorization_endpoint": "javascript:alert(1)"}),
        json!({"authorization_endpoint": null}),
    ] {
        let change_to = changes.clone();
        let provider = MockProvider::with("metadata", move |document| change(document, &change_to));
        let service = start(&provider, &[]);
        let body = r#"{"provider":"huggingface"}"#;
        let reply = Browser::default().post(&service, "/api/auth/sign-in/social", body);
        assert_eq!(
            (reply.status, reply.json()["code"].as_str()),
            (502, Some("PROVIDER_UNAVAILABLE")),
            "{changes}"
        );
        assert_eq!(reply.header("retry-after"), "5");
    }
}

#[test]
fn the_provider_gets_no_request_before_the_first_sign_in() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    for path in ["/", "/api/auth/get-session", "/api/auth/jwks", "/health"] {
        assert_eq!(service.get(path).status, 200);
    }
    assert_eq!(provider.count("/.well-known/openid-configuration"), 0);
}

#[test]
fn a_first_sign_in_fetches_the_metadata_and_the_keys_once() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    for _ in 0..2 {
        assert_eq!(Browser::default().sign_in(&service, &provider).header("location"), "/done");
        assert_eq!((provider.count(DISCOVERY), provider.count("/jwks")), (1, 1));
    }
}
