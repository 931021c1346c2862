use serde_json::Value;
use space_kit::testing::Reply;

use crate::browser::{Browser, SITE, start};
use crate::mock_provider::{MockProvider, query};

/// The origin to which a page posts, and its message.
fn posted(page: &Reply) -> (String, Value) {
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), "no-store");
    let text = page.text();
    let attribute = |name: &str| {
        let (_, rest) = text.split_once(&format!("{name}=\"")).unwrap();
        rest.split_once('"')
            .unwrap()
            .0
            .replace("&quot;", "\"")
            .replace("&amp;", "&")
            .replace("&lt;", "<")
            .replace("&#39;", "'")
    };
    (attribute("data-origin"), serde_json::from_str(&attribute("data-message")).unwrap())
}

fn begin(service: &space_kit::testing::Process, browser: &mut Browser, more: &str) -> Reply {
    browser.get(service, &format!("/api/auth/oauth-popup/start?provider=huggingface&popupNonce=n1&{more}"))
}

#[test]
fn a_popup_posts_the_token_only_to_the_origin_that_opened_it() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let started = begin(&service, &mut ann, &format!("popupOrigin={SITE}&callbackURL={SITE}/x"));
    assert_eq!(started.status, 302);
    let path = Browser::consent(&provider, started.header("location"));
    let (origin, message) = posted(&ann.get(&service, &path));
    assert_eq!(origin, SITE);
    assert_eq!(message["type"], "better-auth:oauth-popup");
    assert_eq!(
        (message["nonce"].as_str(), message["redirectTo"].as_str()),
        (Some("n1"), Some("https://site.example/x"))
    );
    let bearer = format!("Bearer {}", message["token"].as_str().unwrap());
    let headers = [("authorization", bearer.as_str()), ("origin", SITE)];
    let session = service.request("GET", "/api/auth/get-session", &headers, "");
    assert_eq!(session.json()["user"]["id"], "65f0");
    assert_eq!(service.request("GET", "/api/auth/token", &headers, "").status, 200);
    // A sign-out revokes every copy of the token.
    let out = [headers[0], headers[1], ("content-type", "application/json")];
    assert_eq!(service.request("POST", "/api/auth/sign-out", &out, "{}").status, 200);
    assert_eq!(service.request("GET", "/api/auth/get-session", &headers, "").text(), "null");
}

#[test]
fn a_popup_of_an_untrusted_site_is_rejected() {
    let service = start(&MockProvider::start(), &[]);
    for origin in
        ["popupOrigin=https://evil.example", "popupOrigin=null", "popupOrigin=*", "popupOrigin=", "x=y"]
    {
        let reply = begin(&service, &mut Browser::default(), origin);
        assert_eq!((reply.status, reply.json()["code"].as_str()), (403, Some("INVALID_ORIGIN")), "{origin}");
    }
}

#[test]
fn errors_are_posted_to_the_page_that_opened_the_popup() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    for (more, code) in [
        ("callbackURL=https://evil.example", "invalid_callback_url"),
        ("errorCallbackURL=//evil.example", "invalid_error_callback_url"),
    ] {
        let (origin, message) = posted(&begin(&service, &mut ann, &format!("popupOrigin={SITE}&{more}")));
        assert_eq!((origin.as_str(), message["error"]["code"].as_str()), (SITE, Some(code)));
        assert!(message.get("token").is_none());
    }
    let started = begin(&service, &mut ann, &format!("popupOrigin={SITE}"));
    let state = query(started.header("location"))["state"].clone();
    let refused = "error=access_denied&error_description=%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let page = ann.get(&service, &format!("/api/auth/callback/huggingface?{refused}&state={state}"));
    assert!(!page.text().contains("<script>alert"), "{}", page.text());
    assert_eq!(posted(&page).1["error"]["code"], "access_denied");
}

#[test]
fn a_session_id_or_cookie_value_is_not_accepted_as_bearer_token() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    ann.sign_in(&service, &provider);
    let session = ann.get(&service, "/api/auth/get-session").json();
    let id = session["session"]["token"].as_str().unwrap().to_owned();
    let jwt = ann.get(&service, "/api/auth/token").json()["token"].as_str().unwrap().to_owned();
    for credential in [id.as_str(), ann.session(), &jwt, "", "x"] {
        let bearer = format!("Bearer {credential}");
        let reply = service.request("GET", "/api/auth/get-session", &[("authorization", &bearer)], "");
        assert_eq!(reply.text(), "null");
    }
}
