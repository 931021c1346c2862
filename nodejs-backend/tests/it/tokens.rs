//! Tokens for other backends.

use serde_json::Value;
use space_kit::jwt::{Expected, KeySet, Token};
use space_kit::testing::Process;

use crate::browser::{BASE, Browser, SECRET, start};
use crate::mock_provider::MockProvider;

fn token(service: &Process, ann: &mut Browser) -> String {
    let reply = ann.get(service, "/api/auth/token");
    assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"));
    reply.json()["token"].as_str().unwrap().to_owned()
}

/// The subject of a token that the published keys of a service verify.
fn subject(token: &str, keys: &Process, issuer: &str) -> Option<String> {
    let keys = KeySet::parse(&keys.get("/api/auth/jwks").body).unwrap();
    let expected = Expected { issuer: issuer.to_owned(), audience: BASE.to_owned() };
    let now = space_kit::web::unix_seconds(std::time::SystemTime::now());
    let token = Token::parse(token).unwrap();
    Some(token.verify(&keys).ok()?.holder(&expected, now).unwrap().subject.to_owned())
}

#[test]
fn a_token_is_valid_after_a_restart_and_during_a_rotation() {
    let other = "Z1y2X3w4V5u6T7s8R9q0P1o2N3m4L5k6J7i8H9g0F1e=";
    let (old_first, new_first) = (format!("{SECRET},{other}"), format!("{other},{SECRET}"));
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    let mut ann = Browser::default();
    ann.sign_in(&service, &provider);
    let first = token(&service, &mut ann);
    assert_eq!(subject(&first, &service, BASE).as_deref(), Some("65f0"));
    let restarted = start(&provider, &[]);
    assert_eq!(subject(&first, &restarted, BASE).as_deref(), Some("65f0"));
    // The new key is published first, then it signs, then the old one is removed.
    let published = start(&provider, &[("AUTH_SECRET", ""), ("AUTH_SECRETS", &old_first)]);
    let turned = start(&provider, &[("AUTH_SECRET", ""), ("AUTH_SECRETS", &new_first)]);
    let second = token(&turned, &mut ann);
    assert_eq!(subject(&first, &turned, BASE).as_deref(), Some("65f0"));
    assert_eq!(subject(&second, &published, BASE).as_deref(), Some("65f0"));
    assert_eq!(subject(&second, &service, BASE), None, "the key is unknown before it is published");
    let alone = start(&provider, &[("AUTH_SECRET", other)]);
    assert_eq!(subject(&first, &alone, BASE), None);
}

#[test]
fn the_keys_are_published_at_two_addresses_and_may_be_cached() {
    let service = start(&MockProvider::start(), &[]);
    let (one, two) = (service.get("/api/auth/jwks"), service.get("/.well-known/jwks.json"));
    assert_eq!(one.body, two.body);
    assert_eq!(one.header("cache-control"), "public, max-age=300");
    let key = one.json()["keys"][0].clone();
    assert_eq!(
        (key["kty"].as_str(), key["crv"].as_str(), key["alg"].as_str()),
        (Some("OKP"), Some("Ed25519"), Some("EdDSA"))
    );
    let about = service.get("/.well-known/openid-configuration").json();
    assert_eq!(
        (about["issuer"].as_str(), about["jwks_uri"].as_str()),
        (Some(BASE), Some("http://127.0.0.1:7861/api/auth/jwks"))
    );
}

#[test]
fn without_a_session_the_token_endpoint_returns_401() {
    let reply = start(&MockProvider::start(), &[]).get("/api/auth/token");
    assert_eq!((reply.status, reply.json()["code"].as_str()), (401, Some("UNAUTHORIZED")));
}

#[test]
fn user_ids_of_an_additional_provider_never_equal_those_of_the_main_one() {
    let (main, other) = (MockProvider::start(), MockProvider::start());
    let env = [
        ("PROVIDERS", "other"),
        ("OTHER_PROVIDER_URL", other.issuer.as_str()),
        ("OTHER_CLIENT_ID", crate::mock_provider::CLIENT_ID),
        ("OTHER_CLIENT_SECRET", crate::mock_provider::CLIENT_SECRET),
    ];
    let service = start(&main, &env);
    let mut ann = Browser::default();
    let reply = ann.post(&service, "/api/auth/sign-in/social", r#"{"provider":"other"}"#);
    let url = reply.json()["url"].as_str().unwrap().to_owned();
    let path = Browser::consent(&other, &url);
    assert_eq!(ann.get(&service, &path).status, 302);
    let id = ann.user(&service).unwrap();
    assert!(id != "65f0" && id.len() == 32, "{id}");
    let claims: Value = ann.get(&service, "/api/auth/get-session").json();
    assert_eq!(claims["user"]["name"], "Ann");
}
