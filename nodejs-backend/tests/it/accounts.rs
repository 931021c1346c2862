//! The provider's account of a session with `KEEP_PROVIDER_TOKEN`. Tests that name a report of Better Auth
//! (better-auth/better-auth#NUMBER) hold the service to what its stateless mode failed at.

use std::sync::mpsc::channel;

use serde_json::{Value, json};
use space_kit::testing::{Process, Reply, read_reply, send};

use crate::browser::{BASE, Browser, SECRET, SITE, start};
use crate::mock_provider::{Deviation, MockProvider, REFRESH_TOKEN, http};

const OTHER: &str = "Z1y2X3w4V5u6T7s8R9q0P1o2N3m4L5k6J7i8H9g0F1e=";
const GET: &str = "/api/auth/get-access-token";
const REFRESH: &str = "/api/auth/refresh-token";
const LIST: &str = "/api/auth/list-accounts";
const COOKIE: &str = r#"{"useAccountCookie":true}"#;

/// A provider whose token response gets these members.
pub(crate) fn giving(more: Value) -> MockProvider {
    MockProvider::deviating(gift(more))
}

pub(crate) fn gift(more: Value) -> Deviation {
    let mut deviation = Deviation::default();
    let change = move |token: &mut Value| {
        token.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    };
    deviation.documents.insert("token", Box::new(change));
    deviation
}

/// A provider with refresh tokens, whose first access token has ended when the visitor is back.
pub(crate) fn short_lived() -> MockProvider {
    giving(ended())
}

pub(crate) fn ended() -> Value {
    json!({"refresh_token": format!("{REFRESH_TOKEN}0"), "expires_in": 1, "scope": "openid inference-api"})
}

fn keeping(provider: &MockProvider, more: &[(&str, &str)]) -> Process {
    start(provider, &[more, &[("KEEP_PROVIDER_TOKEN", "yes")]].concat())
}

fn signed_in(provider: &MockProvider) -> (Process, Browser) {
    let service = keeping(provider, &[]);
    let mut ann = Browser::default();
    assert_eq!(ann.sign_in(&service, provider).header("location"), "/done");
    (service, ann)
}

fn account_cookie(browser: &Browser) -> Option<&String> {
    browser.cookies.iter().find(|(name, _)| name.ends_with("nb.account")).map(|(_, value)| value)
}

fn token(browser: &mut Browser, service: &Process) -> String {
    let reply = browser.post(service, GET, COOKIE);
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.header("cache-control"), "no-store");
    reply.json()["accessToken"].as_str().unwrap().to_owned()
}

fn assert_error(reply: &Reply, status: u16, code: &str) {
    assert_eq!((reply.status, reply.json()["code"].as_str()), (status, Some(code)), "{}", reply.text());
}

#[test]
fn without_the_variable_no_token_is_kept() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    ann.sign_in(&service, &provider);
    assert_eq!(account_cookie(&ann), None);
    assert_error(&ann.post(&service, GET, COOKIE), 400, "ACCOUNT_NOT_FOUND");
    assert_eq!(ann.get(&service, LIST).text(), "[]");
    let (_, mut kept) = signed_in(&provider);
    assert_error(&kept.post(&service, GET, COOKIE), 400, "ACCOUNT_NOT_FOUND");
    kept.post(&service, "/api/auth/sign-out", "{}");
    assert!(kept.cookies.is_empty(), "a cookie of the time before is deleted too");
}

/// better-auth/better-auth#6301: fields were missing.
#[test]
fn the_access_token_comes_with_its_end_scopes_and_id_token() {
    let provider = giving(json!({"scope": "openid profile inference-api"}));
    let (service, mut ann) = signed_in(&provider);
    let sealed = account_cookie(&ann).unwrap();
    assert!(sealed.len() <= 1200 && !sealed.contains("the-access-token"), "{}", sealed.len());
    let body = ann.post(&service, GET, COOKIE).json();
    assert_eq!(body["accessToken"], "the-access-token");
    assert_eq!(body["scopes"], json!(["openid", "profile", "inference-api"]));
    let ends = humantime::parse_rfc3339(body["accessTokenExpiresAt"].as_str().unwrap()).unwrap();
    assert!(ends > std::time::SystemTime::now());
    assert_eq!(body["idToken"].as_str().unwrap().split('.').count(), 3);
    assert_eq!(body.as_object().unwrap().len(), 4);
    let listed = ann.get(&service, LIST).json();
    let account = listed[0].as_object().unwrap();
    assert_eq!((listed.as_array().unwrap().len(), account.len()), (1, 7));
    assert_eq!((&account["accountId"], &account["providerId"]), (&json!("65f0"), &json!("huggingface")));
    assert_eq!((&account["userId"], &account["scopes"]), (&json!("65f0"), &body["scopes"]));
    assert!(humantime::parse_rfc3339(account["createdAt"].as_str().unwrap()).is_ok());
}

#[test]
fn clients_of_1_7_and_of_1_6_name_the_account_in_their_own_way() {
    let provider = MockProvider::start();
    let (service, mut ann) = signed_in(&provider);
    let listed = ann.get(&service, LIST).json()[0].clone();
    let (id, subject) = (&listed["id"], &listed["accountId"]);
    assert_ne!(id, subject);
    for (body, code) in [
        (json!({"useAccountCookie": true}), None),
        (json!({"accountId": id}), None),
        (json!({"accountId": id, "userId": "65f0"}), None),
        (json!({"providerId": "huggingface"}), None),
        (json!({"providerId": "huggingface", "accountId": id}), None),
        (json!({"providerId": "huggingface", "accountId": subject}), None),
        (json!({"accountId": subject}), Some("ACCOUNT_NOT_FOUND")),
        (json!({"accountId": "other"}), Some("ACCOUNT_NOT_FOUND")),
        (json!({"providerId": "google"}), Some("ACCOUNT_NOT_FOUND")),
        (json!({"providerId": "huggingface", "accountId": "other"}), Some("ACCOUNT_NOT_FOUND")),
        (json!({}), Some("VALIDATION_ERROR")),
        (json!({"useAccountCookie": false}), Some("VALIDATION_ERROR")),
        (json!({"useAccountCookie": true, "accountId": id}), Some("VALIDATION_ERROR")),
        (json!({"accountId": 1}), Some("VALIDATION_ERROR")),
        (json!({"useAccountCookie": true, "more": 1}), Some("VALIDATION_ERROR")),
    ] {
        let reply = ann.post(&service, GET, &body.to_string());
        match code {
            None => assert_eq!(reply.json()["accessToken"], "the-access-token", "{body}"),
            Some(code) => assert_error(&reply, 400, code),
        }
    }
}

#[test]
fn only_a_session_and_a_trusted_page_get_the_token() {
    let provider = short_lived();
    let (service, mut ann) = signed_in(&provider);
    let only_account = ann.cookies.iter().filter(|(name, _)| name.ends_with("nb.account")).cloned();
    let mut no_session = Browser { cookies: only_account.collect() };
    for path in [GET, REFRESH] {
        assert_error(&no_session.clone().post(&service, path, COOKIE), 401, "UNAUTHORIZED");
        for (kind, origin, status, code) in [
            ("application/json", "https://evil.example", 403, "INVALID_ORIGIN"),
            ("application/json", "null", 403, "MISSING_OR_NULL_ORIGIN"),
            ("text/plain", BASE, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ] {
            let headers = [("content-type", kind), ("origin", origin)];
            assert_error(&ann.send(&service, "POST", path, &headers, COOKIE), status, code);
        }
    }
    assert_error(&no_session.get(&service, LIST), 401, "UNAUTHORIZED");
    assert_eq!(provider.count("/token"), 1, "nothing was refreshed");
    let reply = ann.send(&service, "GET", LIST, &[("origin", SITE)], "");
    assert_eq!(reply.header("access-control-allow-origin"), SITE);
}

#[test]
fn an_account_opens_only_with_the_session_that_it_was_sealed_for() {
    let provider = MockProvider::start();
    let (service, mut ann) = signed_in(&provider);
    let first = ann.clone();
    ann.sign_in(&service, &provider);
    assert_eq!(token(&mut ann, &service), "the-access-token");
    let mut mixed = Browser::holding(ann.session());
    let old = account_cookie(&first).unwrap();
    for value in [old, &ann.session().to_owned(), &old[1..].to_owned()] {
        mixed.cookies.retain(|(name, _)| name != "nb.account");
        mixed.cookies.push(("nb.account".to_owned(), value.clone()));
        assert_error(&mixed.post(&service, GET, COOKIE), 400, "ACCOUNT_NOT_FOUND");
    }
}

#[test]
fn a_sign_out_deletes_the_account_and_its_copies_are_useless() {
    let provider = MockProvider::start();
    let (service, mut ann) = signed_in(&provider);
    let mut copy = ann.clone();
    ann.post(&service, "/api/auth/sign-out", "{}");
    assert!(ann.cookies.is_empty());
    assert_error(&copy.post(&service, GET, COOKIE), 401, "UNAUTHORIZED");
    assert_eq!(copy.get(&service, "/api/auth/get-session").text(), "null");
    assert!(copy.cookies.is_empty());
}

/// better-auth/better-auth#7703: a token that had ended was not refreshed.
#[test]
fn a_token_that_has_ended_is_refreshed_first() {
    let provider = short_lived();
    let (service, mut ann) = signed_in(&provider);
    let body = ann.post(&service, GET, COOKIE).json();
    assert_eq!(body["accessToken"], "the-access-token-1");
    assert_eq!(body["scopes"], json!(["openid", "inference-api"]), "the response to a refresh has no scope");
    assert!(body.get("refreshToken").is_none());
}

/// better-auth/better-auth#9182: the new tokens did not reach the cookie.
#[test]
fn a_refresh_is_written_back_into_the_cookie() {
    let provider = short_lived();
    let (service, mut ann) = signed_in(&provider);
    for _ in 0..3 {
        assert_eq!(token(&mut ann, &service), "the-access-token-1");
    }
    assert_eq!(provider.count("/token"), 2, "one sign-in, one refresh");
    let body = ann.post(&service, REFRESH, COOKIE).json();
    assert_eq!(body["accessToken"], "the-access-token-2");
    assert_eq!(body["refreshToken"], format!("{REFRESH_TOKEN}2"));
    assert_eq!(
        (&body["scope"], &body["providerId"]),
        (&json!("openid inference-api"), &json!("huggingface"))
    );
    assert_eq!(body["accountId"], ann.get(&service, LIST).json()[0]["id"]);
    let body = ann.post(&service, REFRESH, r#"{"providerId":"huggingface"}"#).json();
    assert_eq!((&body["accountId"], &body["accessToken"]), (&json!("65f0"), &json!("the-access-token-3")));
    assert_eq!(token(&mut ann, &service), "the-access-token-3");
    let listed = ann.get(&service, LIST).json()[0].clone();
    assert!(listed["updatedAt"].as_str() >= listed["createdAt"].as_str());
}

/// better-auth/better-auth#9351: an instance that had not seen the sign-in could not refresh.
#[test]
fn a_refresh_works_after_a_restart_and_at_another_replica() {
    let provider = short_lived();
    let (service, mut ann) = signed_in(&provider);
    drop(service);
    assert_eq!(token(&mut ann, &keeping(&provider, &[])), "the-access-token-1");
    let (one, two) = (keeping(&provider, &[]), keeping(&provider, &[]));
    for (service, wanted) in [(&one, "the-access-token-2"), (&two, "the-access-token-3")] {
        assert_eq!(ann.post(service, REFRESH, COOKIE).json()["accessToken"], wanted);
    }
    assert_eq!(token(&mut ann, &one), "the-access-token-3");
}

/// better-auth/better-auth#9978: a session of one instance and an account of another did not fit together.
#[test]
fn every_replica_gives_one_user_the_same_account() {
    let provider = MockProvider::start();
    let (one, two, three) = (keeping(&provider, &[]), keeping(&provider, &[]), keeping(&provider, &[]));
    let mut ann = Browser::default();
    ann.sign_in(&one, &provider);
    let first = ann.get(&three, LIST).json()[0].clone();
    ann.sign_in(&two, &provider);
    assert_eq!(token(&mut ann, &three), "the-access-token");
    let second = ann.get(&one, LIST).json()[0].clone();
    assert_eq!((&first["id"], &first["userId"]), (&second["id"], &second["userId"]));
}

/// better-auth/better-auth#10392: a second sign-in failed, and then getAccessToken returned 401.
#[test]
fn a_second_sign_in_at_the_same_process_has_a_token_too() {
    let provider = MockProvider::start();
    let (service, mut ann) = signed_in(&provider);
    ann.post(&service, "/api/auth/sign-out", "{}");
    for _ in 0..2 {
        assert_eq!(ann.sign_in(&service, &provider).header("location"), "/done");
        assert_eq!(token(&mut ann, &service), "the-access-token");
    }
}

#[test]
fn an_account_survives_a_rotation_of_the_secret() {
    let provider = short_lived();
    let (_, mut ann) = signed_in(&provider);
    let both = format!("{OTHER},{SECRET}");
    let rotated = keeping(&provider, &[("AUTH_SECRET", ""), ("AUTH_SECRETS", &both)]);
    let before = account_cookie(&ann).cloned();
    assert_eq!(ann.user(&rotated).as_deref(), Some("65f0"));
    assert_ne!(account_cookie(&ann).cloned(), before);
    let after = keeping(&provider, &[("AUTH_SECRET", OTHER)]);
    assert_eq!(token(&mut ann, &after), "the-access-token-1", "the old secret is no longer configured");
}

/// A request for the access token.
fn asking(browser: &Browser) -> String {
    let cookies: Vec<String> =
        browser.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "POST {GET} HTTP/1.1\r\nhost: localhost\r\norigin: {BASE}\r\ncontent-type: application/json\r\n\
         cookie: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{COOKIE}",
        cookies.join("; "),
        COOKIE.len()
    )
}

#[test]
fn new_tokens_are_not_lost_if_the_client_disconnects() {
    let provider = short_lived();
    let (service, mut ann) = signed_in(&provider);
    let ((announce, arrived), (say, go)) = (channel(), channel());
    let mut holding = gift(ended());
    holding.held = Some(("/token", announce, go));
    provider.deviate(holding);
    let stream = send(service.address, asking(&ann));
    arrived.recv().unwrap();
    drop(stream);
    assert!(service.log("\"status\":499").contains(GET));
    say.send(()).unwrap();
    assert_eq!(token(&mut ann, &service), "the-access-token-1");
    assert_eq!(provider.count("/token"), 2, "one sign-in, one refresh");
}

#[test]
fn requests_that_arrive_together_share_one_refresh() {
    let provider = short_lived();
    let (service, ann) = signed_in(&provider);
    let request = asking(&ann);
    let sent: Vec<_> = (0..16).map(|_| send(service.address, &request)).collect();
    let all = sent.into_iter().map(|mut stream| read_reply(&mut stream, false));
    let all: Vec<Value> = all.map(|reply| reply.json()["accessToken"].clone()).collect();
    assert!(all.iter().all(|token| token == "the-access-token-1"), "{all:?}");
    assert_eq!(token(&mut ann.clone(), &service), "the-access-token-1", "sent before the new cookie arrived");
    assert_eq!(provider.count("/token"), 2);
}

#[test]
fn a_refresh_token_stays_if_the_provider_gives_no_new_one() {
    let mut deviation = gift(ended());
    let change = |document: &mut Value| _ = document.as_object_mut().unwrap().remove("refresh_token");
    deviation.documents.insert("refresh", Box::new(change));
    let provider = MockProvider::deviating(deviation);
    let (service, mut ann) = signed_in(&provider);
    for wanted in ["the-access-token-1", "the-access-token-2"] {
        let body = ann.post(&service, REFRESH, COOKIE).json();
        assert_eq!(
            (&body["accessToken"], &body["refreshToken"]),
            (&json!(wanted), &ended()["refresh_token"])
        );
    }
}

#[test]
fn a_token_that_cannot_be_had_is_an_error_and_the_next_request_tries_again() {
    let provider = giving(json!({"expires_in": "1"}));
    let (service, mut ann) = signed_in(&provider);
    assert_error(&ann.post(&service, GET, COOKIE), 400, "FAILED_TO_GET_ACCESS_TOKEN");
    assert_error(&ann.post(&service, REFRESH, COOKIE), 400, "REFRESH_TOKEN_NOT_FOUND");
    provider.deviate(gift(ended()));
    ann.sign_in(&service, &provider);
    let mut deviation = gift(ended());
    deviation.responses.insert("/token", http("503 Service Unavailable", &json!({})));
    provider.deviate(deviation);
    assert_error(&ann.post(&service, GET, COOKIE), 400, "FAILED_TO_GET_ACCESS_TOKEN");
    assert_error(&ann.post(&service, REFRESH, COOKIE), 400, "FAILED_TO_REFRESH_ACCESS_TOKEN");
    assert!(service.log("refresh failed").contains("provider_unavailable"));
    provider.deviate(gift(ended()));
    assert!(token(&mut ann, &service).starts_with("the-access-token-"));
}

#[test]
fn a_token_without_an_end_is_used_until_the_page_asks_for_a_new_one() {
    let provider = giving(json!({"expires_in": null, "refresh_token": format!("{REFRESH_TOKEN}0")}));
    let (service, mut ann) = signed_in(&provider);
    let body = ann.post(&service, GET, COOKIE).json();
    assert_eq!(
        (body["accessToken"].as_str(), body.get("accessTokenExpiresAt")),
        (Some("the-access-token"), None)
    );
    assert_eq!(ann.post(&service, REFRESH, COOKIE).json()["accessToken"], "the-access-token-1");
}

#[test]
fn what_does_not_fit_into_a_cookie_is_left_out_and_logged() {
    let long = |length: usize| format!("{REFRESH_TOKEN}{}", "x".repeat(length));
    let provider = giving(json!({"refresh_token": long(1500)}));
    let (service, mut ann) = signed_in(&provider);
    let body = ann.post(&service, GET, COOKIE).json();
    assert!(body.get("idToken").is_none(), "{body}");
    assert!(account_cookie(&ann).unwrap().len() < 3900);
    assert_eq!(ann.post(&service, REFRESH, COOKIE).status, 200);
    provider.deviate(gift(json!({"refresh_token": long(3000)})));
    ann.sign_in(&service, &provider);
    assert!(service.log("a token is not kept").contains("the refresh token does not fit"));
    assert_eq!(token(&mut ann, &service), "the-access-token");
    assert_error(&ann.post(&service, REFRESH, COOKIE), 400, "REFRESH_TOKEN_NOT_FOUND");
    let mut huge = gift(json!({"access_token": long(3000)}));
    huge.responses.insert("/userinfo", http("200 OK", &json!({"sub": "65f0"})));
    provider.deviate(huge);
    assert_eq!(ann.sign_in(&service, &provider).header("location"), "/done");
    assert!(service.log("a token is not kept").contains("the access token does not fit"));
    assert_eq!(ann.user(&service).as_deref(), Some("65f0"));
    assert_eq!(account_cookie(&ann), None);
    assert_error(&ann.post(&service, GET, COOKIE), 400, "ACCOUNT_NOT_FOUND");
}

#[test]
fn refreshes_count_as_steps_of_sign_ins() {
    let provider = short_lived();
    let service = keeping(&provider, &[("SIGN_IN_RATE", "4/day")]);
    let mut ann = Browser::default();
    ann.sign_in(&service, &provider);
    for _ in 0..2 {
        assert_eq!(ann.post(&service, REFRESH, COOKIE).status, 200);
    }
    assert_error(&ann.post(&service, REFRESH, COOKIE), 429, "TOO_MANY_REQUESTS");
    assert_eq!(token(&mut ann, &service), "the-access-token-2", "a valid token needs no step");
}

#[test]
fn no_token_appears_anywhere_but_in_the_answers_for_it() {
    let provider = short_lived();
    let (service, mut ann) = signed_in(&provider);
    let id_token = ann.post(&service, REFRESH, COOKIE).json()["idToken"].as_str().unwrap().to_owned();
    let failing = ann.clone();
    let mut probed = Vec::new();
    for (method, path, body) in [
        ("GET", "/", ""),
        ("GET", "/login/huggingface", ""),
        ("GET", "/openapi.json", ""),
        ("GET", "/metrics", ""),
        ("GET", "/health", ""),
        ("GET", "/api/auth/get-session", ""),
        ("GET", "/api/auth/token", ""),
        ("GET", LIST, ""),
        ("GET", "/api/auth/error?error=x", ""),
        ("GET", "/nothing", ""),
        ("POST", GET, "{}"),
        ("POST", GET, r#"{"accountId":"other"}"#),
        ("POST", GET, "{"),
        ("POST", REFRESH, r#"{"providerId":"other"}"#),
        ("POST", "/api/auth/sign-in/social", r#"{"provider":"huggingface"}"#),
        ("POST", "/api/auth/sign-out", "{}"),
    ] {
        let headers = [("content-type", "application/json"), ("origin", BASE), ("accept", "text/html, */*")];
        let reply = ann.send(&service, method, path, &headers, body);
        probed.push(format!("{method} {path}: {:?} {}", reply.headers, reply.text()));
    }
    // The provider repeats the refresh token that it rejects.
    let (anew, mut failing) = (keeping(&provider, &[]), failing);
    provider.deviate(Deviation::default());
    failing.post(&anew, REFRESH, COOKIE);
    let mut stale = failing.clone();
    failing.post(&anew, REFRESH, COOKIE);
    let third = keeping(&provider, &[]);
    let reply = stale.post(&third, REFRESH, COOKIE);
    assert_error(&reply, 400, "FAILED_TO_REFRESH_ACCESS_TOKEN");
    probed.push(reply.text());
    for process in [service, anew, third] {
        probed.extend(process.stop().1);
    }
    assert!(probed.iter().any(|line| line.contains("refresh failed")), "the log was read");
    for secret in ["the-access-token", REFRESH_TOKEN, &id_token, id_token.rsplit('.').next().unwrap()] {
        for place in &probed {
            assert!(!place.contains(secret), "{secret} is in {place}");
        }
    }
}
