//! Tokens that a gateway pays with: with `GATEWAY_SECRET`, `/api/auth/token` has the visitor's access token in it, sealed.

use serde_json::{Map, Value, json};
use space_kit::jwt::json::object;
use space_kit::jwt::{Expected, KeySet, Token};
use space_kit::seal::GatewaySecret;
use space_kit::testing::{Process, Reply};
use space_kit::web::unix_seconds;

use crate::accounts::{ended, gift, giving, short_lived};
use crate::browser::{BASE, Browser, SECRET, SITE, popup_page, start};
use crate::mock_provider::{CLIENT_ID, CLIENT_SECRET, MockProvider, http};

pub(crate) const GATEWAY: &str = "h7Kd2mQx9RtYw4BzPc6VnJ1sGf8LaEuT3iKoXrZp5vA=";
const TOKEN: &str = "/api/auth/token";

fn paying(provider: &MockProvider, more: &[(&str, &str)]) -> Process {
    start(provider, &[&[("KEEP_PROVIDER_TOKEN", "yes"), ("GATEWAY_SECRET", GATEWAY)], more].concat())
}

fn now() -> u64 {
    unix_seconds(std::time::SystemTime::now())
}

/// The claims of a token, which the published keys must verify.
fn claims(service: &Process, reply: &Reply) -> Map<String, Value> {
    assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"), "{}", reply.text());
    let text = reply.json()["token"].as_str().unwrap().to_owned();
    let keys = KeySet::parse(&service.get("/api/auth/jwks").body).unwrap();
    let expected = Expected { issuer: BASE.to_owned(), audience: BASE.to_owned() };
    let token = Token::parse(&text).unwrap();
    let holder = token.verify(&keys).unwrap().holder(&expected, now()).unwrap();
    assert!(!json!(holder.claims()).to_string().contains("access-token"), "{:?}", holder.claims());
    holder.claims().clone()
}

/// What a gateway finds in the claims.
fn opened(claims: &Map<String, Value>) -> Option<String> {
    GatewaySecret::parse(GATEWAY).unwrap().open(claims)
}

#[test]
fn a_token_has_the_access_token_for_the_gateway_only_and_never_outlives_it() {
    let provider = MockProvider::start(); // its access tokens last a minute
    let service = paying(&provider, &[]);
    let mut ann = Browser::default();
    ann.sign_in(&service, &provider);
    let first = claims(&service, &ann.get(&service, TOKEN));
    assert_eq!(opened(&first).as_deref(), Some("the-access-token"));
    let end = first["exp"].as_u64().unwrap();
    assert!(end <= now() + 60 && end > now(), "{end}");
    let second = claims(&service, &ann.get(&service, TOKEN));
    assert_ne!((&first["jti"], &first["payer"]), (&second["jti"], &second["payer"]));
    let mut mixed = first.clone();
    mixed.insert("payer".to_owned(), second["payer"].clone());
    assert_eq!(opened(&mixed), None, "it belongs to the other token");
    let session = ann.get(&service, "/api/auth/get-session");
    let jwt = session.header("set-auth-jwt").split('.').nth(1).unwrap();
    assert!(object(&space_kit::jwt::decode(jwt).unwrap()).unwrap().get("payer").is_none());
}

#[test]
fn without_a_kept_token_there_is_no_such_claim() {
    let (provider, other) = (MockProvider::start(), MockProvider::start());
    let more = [
        ("PROVIDERS", "other"),
        ("OTHER_PROVIDER_URL", other.issuer.as_str()),
        ("OTHER_CLIENT_ID", CLIENT_ID),
        ("OTHER_CLIENT_SECRET", CLIENT_SECRET),
    ];
    let service = paying(&provider, &more);
    let mut ann = Browser::default();
    ann.sign_in(&service, &provider);
    assert!(claims(&service, &ann.get(&service, TOKEN)).contains_key("payer"));
    let mut without = Browser::holding(ann.session());
    let found = claims(&service, &without.get(&service, TOKEN));
    assert!(!found.contains_key("payer") && !found.contains_key("jti"));
    // An additional provider's token pays for nothing at the main one.
    let mut bob = Browser::default();
    let body = r#"{"provider":"other","callbackURL":"/done"}"#;
    let reply = bob.post(&service, "/api/auth/sign-in/social", body);
    let url = reply.json()["url"].as_str().unwrap().to_owned();
    bob.get(&service, &Browser::consent(&other, &url));
    assert_eq!(bob.get(&service, "/api/auth/list-accounts").json()[0]["providerId"], "other");
    assert!(!claims(&service, &bob.get(&service, TOKEN)).contains_key("payer"));
    assert_eq!(Browser::default().get(&service, TOKEN).status, 401);
}

#[test]
fn an_access_token_that_has_ended_is_refreshed_first_and_kept() {
    let provider = short_lived();
    let service = paying(&provider, &[]);
    let mut ann = Browser::default();
    ann.sign_in(&service, &provider);
    for _ in 0..2 {
        let found = claims(&service, &ann.get(&service, TOKEN));
        assert_eq!(opened(&found).as_deref(), Some("the-access-token-1"));
        assert!(found["exp"].as_u64().unwrap() > now() + 800, "the new one lasts an hour");
    }
    assert_eq!(provider.count("/token"), 2, "one sign-in, one refresh");
}

#[test]
fn a_provider_that_gives_no_new_access_token_takes_only_the_claim() {
    let provider = giving(json!({"expires_in": 1}));
    let service = paying(&provider, &[]);
    let mut ann = Browser::default();
    ann.sign_in(&service, &provider);
    assert!(!claims(&service, &ann.get(&service, TOKEN)).contains_key("payer"), "no refresh token");
    provider.deviate(gift(ended()));
    ann.sign_in(&service, &provider);
    let mut deviation = gift(ended());
    deviation.responses.insert("/token", http("400 Bad Request", &json!({"error": "invalid_grant"})));
    provider.deviate(deviation);
    assert!(!claims(&service, &ann.get(&service, TOKEN)).contains_key("payer"));
}

#[test]
fn a_token_that_is_kept_only_for_the_gateway_is_not_given_to_a_page() {
    let provider = short_lived();
    let service = paying(&provider, &[("KEEP_PROVIDER_TOKEN", "gateway")]);
    let mut ann = Browser::default();
    ann.sign_in(&service, &provider);
    for path in ["/api/auth/get-access-token", "/api/auth/refresh-token"] {
        let reply = ann.post(&service, path, r#"{"useAccountCookie":true}"#);
        assert_eq!((reply.status, reply.json()["code"].as_str()), (400, Some("ACCOUNT_NOT_FOUND")));
    }
    assert_eq!(provider.count("/token"), 1, "nothing was refreshed");
    assert_eq!(opened(&claims(&service, &ann.get(&service, TOKEN))).as_deref(), Some("the-access-token-1"));
}

/// The bearer token of a page on another site, where the browser sends no cookies.
fn bearer_token(service: &Process, provider: &MockProvider) -> String {
    let mut ann = Browser::default();
    let start = format!("/api/auth/oauth-popup/start?provider=huggingface&popupNonce=n1&popupOrigin={SITE}");
    let (_, link) = popup_page(&ann.get(service, &start));
    let (last, _) = popup_page(&ann.get(service, &Browser::consent(provider, &link)));
    last["message"]["token"].as_str().unwrap().to_owned()
}

fn with_bearer(service: &Process, path: &str, token: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    service.request("GET", path, &[("authorization", &bearer), ("origin", SITE)], "")
}

#[test]
fn a_bearer_token_has_the_account_and_is_renewed_with_it() {
    let provider = short_lived();
    let service = paying(&provider, &[]);
    let token = bearer_token(&service, &provider);
    assert!(!token.contains("access-token") && token.len() < 2000, "{}", token.len());
    let reply = with_bearer(&service, TOKEN, &token);
    assert_eq!(opened(&claims(&service, &reply)).as_deref(), Some("the-access-token-1"));
    assert!(reply.header("access-control-expose-headers").contains("set-auth-token"));
    let renewed = reply.header("set-auth-token");
    assert_eq!(renewed.split('.').next(), token.split('.').next(), "the session is the same");
    let again = with_bearer(&service, TOKEN, renewed);
    assert_eq!(opened(&claims(&service, &again)).as_deref(), Some("the-access-token-1"));
    assert_eq!((again.header("set-auth-token"), provider.count("/token")), ("", 2));
    // After a rotation of the secret both parts are sealed with the new one.
    let other = "Z1y2X3w4V5u6T7s8R9q0P1o2N3m4L5k6J7i8H9g0F1e=";
    let both = format!("{other},{SECRET}");
    let rotated = paying(&provider, &[("AUTH_SECRET", ""), ("AUTH_SECRETS", &both)]);
    let reply = with_bearer(&rotated, "/api/auth/get-session", renewed);
    let after = paying(&provider, &[("AUTH_SECRET", other)]);
    let last = with_bearer(&after, TOKEN, reply.header("set-auth-token"));
    assert_eq!(opened(&claims(&after, &last)).as_deref(), Some("the-access-token-1"));
    // An account of another session does not belong to this one.
    let (session, account) = (token.split('.').next().unwrap(), bearer_token(&service, &provider));
    let mixed = format!("{session}.{}", account.split('.').nth(1).unwrap());
    assert!(!claims(&service, &with_bearer(&service, TOKEN, &mixed)).contains_key("payer"));
}

#[test]
fn without_a_kept_token_a_bearer_token_is_only_the_session() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    assert!(!bearer_token(&service, &provider).contains('.'));
}
