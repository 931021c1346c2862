//! Local development without a provider.

use space_kit::testing::Process;

use crate::browser::{BASE, Browser};
use crate::mock_provider::query;

fn dev(more: &[(&str, &str)]) -> Process {
    let env = [&[("DEV_SIGN_IN", "yes"), ("AUTH_URL", BASE)], more].concat();
    Process::start(env!("CARGO_BIN_EXE_nodejs-backend"), &env)
}

/// A browser in which a made-up user is signed in.
pub(crate) fn signed_in(service: &Process, name: &str) -> Browser {
    let mut browser = Browser::default();
    let state = query(&browser.begin(service))["state"].clone();
    let form = format!("state={state}&callback_path=callback&username={name}");
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", BASE)];
    let sent = browser.send(service, "POST", "/dev/sign-in", &headers, &form);
    assert_eq!(browser.get(service, sent.header("location")).header("location"), "/done");
    browser
}

#[test]
fn a_made_up_user_signs_in_and_their_tokens_have_a_dev_issuer() {
    let service = dev(&[]);
    let mut ann = Browser::default();
    let url = ann.begin(&service);
    let page = ann.get(&service, url.strip_prefix(BASE).unwrap());
    assert!(
        page.text().contains("Local development")
            && page.header("content-security-policy").contains("form-action 'self'")
    );
    let form = format!("state={}&callback_path=callback&username=ann&name=Ann+A", query(&url)["state"]);
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", BASE)];
    let sent = ann.send(&service, "POST", "/dev/sign-in", &headers, &form);
    assert_eq!(sent.status, 303);
    assert_eq!(ann.get(&service, sent.header("location")).header("location"), "/done");
    assert_eq!(ann.user(&service).as_deref(), Some("dev-ann"));
    let issuer =
        service.get("/.well-known/openid-configuration").json()["issuer"].as_str().unwrap().to_owned();
    assert_eq!(issuer, format!("dev:{BASE}"));
}

#[test]
fn a_code_of_the_local_page_works_only_for_its_own_sign_in() {
    let service = dev(&[]);
    let (mut ann, mut eve) = (Browser::default(), Browser::default());
    let (anns, eves) =
        (query(&ann.begin(&service))["state"].clone(), query(&eve.begin(&service))["state"].clone());
    let form = format!("state={eves}&callback_path=callback&username=eve&name=Eve");
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", BASE)];
    let sent = service.request("POST", "/dev/sign-in", &headers, &form);
    let injected = sent.header("location").replace(&eves, &anns);
    let reply = ann.get(&service, &injected);
    assert_eq!(query(reply.header("location"))["error"], "invalid_code");
    assert_eq!(ann.user(&service), None);
}

#[test]
fn a_page_of_another_site_cannot_send_the_form() {
    let service = dev(&[]);
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://evil.example")];
    assert_eq!(service.request("POST", "/dev/sign-in", &headers, "username=ann&state=x").status, 403);
}

#[test]
fn a_visitor_can_deny_the_sign_in_on_the_local_page() {
    let service = dev(&[]);
    let mut ann = Browser::default();
    let path = ann.get(&service, "/login/huggingface?errorCallbackURL=/oops").header("location").to_owned();
    let page = ann.get(&service, path.strip_prefix(BASE).unwrap());
    assert!(page.text().contains(">Deny</button>"), "{}", page.text());
    let form = format!("state={}&callback_path=callback&username=&deny=yes", query(&path)["state"]);
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", BASE)];
    let sent = ann.send(&service, "POST", "/dev/sign-in", &headers, &form);
    assert_eq!(ann.get(&service, sent.header("location")).header("location"), "/oops?error=access_denied");
    assert_eq!(ann.user(&service), None);
}

#[test]
fn the_local_page_without_a_sign_in_links_to_the_start() {
    let page = dev(&[]).get("/dev/sign-in");
    assert_eq!((page.status, page.header("content-type")), (400, "text/html; charset=utf-8"));
    assert!(page.text().contains("step of a sign-in") && page.text().contains("<a href=\"/\">"));
}
