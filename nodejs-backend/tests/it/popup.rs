use space_kit::testing::Reply;

use crate::browser::{Browser, SITE, popup_page, start};
use crate::mock_provider::{MockProvider, query};

fn begin(service: &space_kit::testing::Process, browser: &mut Browser, more: &str) -> Reply {
    browser.get(service, &format!("/api/auth/oauth-popup/start?provider=huggingface&popupNonce=n1&{more}"))
}

#[test]
fn the_first_page_of_a_popup_posts_only_to_its_opener_and_gets_the_token_from_the_last() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    let started = begin(&service, &mut ann, &format!("popupOrigin={SITE}&callbackURL={SITE}/x"));
    let (first, link) = popup_page(&started);
    assert_eq!((first["origin"].as_str(), first["lifetime"].as_u64()), (Some(SITE), Some(600_000)));
    assert_eq!(first["opened"]["nonce"], "n1");
    let expired = &first["expired"];
    assert_eq!((expired["nonce"].as_str(), expired["error"]["code"].as_str()), (Some("n1"), Some("expired")));
    let path = Browser::consent(&provider, &link);
    let page = ann.get(&service, &path);
    let (last, _) = popup_page(&page);
    let message = &last["message"];
    assert_eq!(last["channel"], first["channel"], "the first page listens there");
    assert!(!page.text().contains("postMessage(message, "), "the last page posts to no origin");
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
        let (page, link) = popup_page(&begin(&service, &mut ann, &format!("popupOrigin={SITE}&{more}")));
        let message = &page["message"];
        assert_eq!((page["origin"].as_str(), message["error"]["code"].as_str()), (Some(SITE), Some(code)));
        assert!(message.get("token").is_none() && link.is_empty());
    }
    let started = begin(&service, &mut ann, &format!("popupOrigin={SITE}"));
    let state = query(&popup_page(&started).1)["state"].clone();
    let refused = "error=access_denied&error_description=%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    let page = ann.get(&service, &format!("/api/auth/callback/huggingface?{refused}&state={state}"));
    assert!(!page.text().contains("<script>alert"), "{}", page.text());
    assert_eq!(popup_page(&page).0["message"]["error"]["code"], "access_denied");
}

#[test]
fn a_rate_limit_reaches_the_page_that_opened_the_popup() {
    let provider = MockProvider::start();
    let service = start(&provider, &[("SIGN_IN_RATE", "1/h")]);
    let mut ann = Browser::default();
    let (_, link) = popup_page(&begin(&service, &mut ann, &format!("popupOrigin={SITE}")));
    let path = Browser::consent(&provider, &link);
    let mut pages = vec![ann.get(&service, &path)];
    pages.push(begin(&service, &mut ann, &format!("popupOrigin={SITE}")));
    for page in pages {
        assert_eq!(popup_page(&page).0["message"]["error"]["code"], "too_many_requests");
    }
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
