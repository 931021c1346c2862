//! What a provider gets wrong signs nobody in: OpenID Connect Core section 3.1.3.7, RFC 9207, RFC 9700, and the modules
//! of the OpenID relying party basic certification that concern the code flow.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use space_kit::jwt::testing::Signer;

use crate::browser::{Browser, start};
use crate::provider::{Bend, Bent, CLIENT_ID, Provider, http, query};

/// The error that a sign-in at this provider ends with; none: somebody is signed in.
pub(crate) fn outcome(provider: &Provider) -> Option<String> {
    let service = start(provider, &[]);
    let mut ann = Browser::default();
    let reply = ann.sign_in(&service, provider);
    assert_eq!(reply.status, 302, "{}", reply.text());
    let error = query(reply.header("location")).get("error").cloned();
    assert_eq!(ann.user(&service).is_some(), error.is_none());
    if error.is_some() {
        let line = service.log("sign-in failed");
        let cause = serde_json::from_str::<Value>(&line).unwrap()["cause"].as_str().unwrap().to_owned();
        assert!(
            !cause.is_empty() && !line.contains("secret words") && !line.contains("the-access-token"),
            "{line}"
        );
    }
    error
}

fn claims(changes: Value) -> Option<String> {
    outcome(&Provider::with("claims", move |claims| change(claims, &changes)))
}

/// Replaces members, or takes them away where null stands.
pub(crate) fn change(document: &mut Value, changes: &Value) {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => _ = document.as_object_mut().unwrap().remove(name),
            value => document[name] = value.clone(),
        }
    }
}

fn untrusted() -> Option<String> {
    Some("unable_to_get_user_info".to_owned())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_provider_that_is_right_signs_in() {
    assert_eq!(outcome(&Provider::start()), None);
}

#[test]
fn the_id_token_is_of_the_configured_issuer() {
    assert_eq!(claims(json!({"iss": "https://evil.example"})), untrusted());
    assert_eq!(claims(json!({"iss": null})), untrusted());
}

#[test]
fn the_id_token_is_for_this_client() {
    assert_eq!(claims(json!({"aud": "another"})), untrusted());
    assert_eq!(claims(json!({"aud": null})), untrusted());
    assert_eq!(claims(json!({"aud": [CLIENT_ID, "another"]})), untrusted());
    assert_eq!(claims(json!({"azp": "another"})), untrusted());
    assert_eq!(claims(json!({"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID})), None);
}

#[test]
fn the_id_token_is_of_now() {
    for wrong in [
        json!({"exp": now() - 61}),
        json!({"exp": null}),
        json!({"iat": null}),
        json!({"iat": now() + 90}),
        json!({"iat": now() - 86_400, "exp": now() + 86_400}),
        json!({"nbf": now() + 90}),
    ] {
        assert_eq!(claims(wrong.clone()), untrusted(), "{wrong}");
    }
    assert_eq!(claims(json!({"exp": now() - 30, "iat": now() + 30})), None, "clocks differ a little");
}

#[test]
fn a_claim_that_may_be_missing_may_be_null() {
    for name in ["azp", "nbf"] {
        assert_eq!(
            outcome(&Provider::with("claims", move |claims| claims[name] = Value::Null)),
            None,
            "{name}"
        );
    }
}

#[test]
fn the_id_token_has_the_nonce_of_this_sign_in() {
    assert_eq!(claims(json!({"nonce": "of another one"})), untrusted());
    assert_eq!(claims(json!({"nonce": null})), untrusted());
}

#[test]
fn the_id_token_has_a_subject_that_fits() {
    for sub in [json!(null), json!(""), json!(7), json!("x".repeat(256))] {
        assert_eq!(claims(json!({"sub": sub})), untrusted(), "{sub}");
    }
}

#[test]
fn a_signature_that_is_missing_or_wrong_is_refused() {
    let text = |text: fn(String) -> String| Bent { text: Some(Box::new(text)), ..Bent::default() };
    for bent in [
        text(|token| {
            // Well formed, of the right length, and one bit off.
            let (signed, signature) = token.rsplit_once('.').unwrap();
            let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
            assert_eq!(signature.len(), 256, "RS256");
            signature[128] ^= 1;
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        }),
        text(|token| format!("{}.", token.rsplit_once('.').unwrap().0)),
        text(|token| token.replace('.', "A.")),
        text(|token| token.rsplit_once('.').unwrap().0.to_owned()),
        text(|_| String::new()),
        Bent { signer: Some(Signer::ed25519()), ..Bent::default() },
        Bent { signer: Some(Signer::p256()), ..Bent::default() },
    ] {
        assert_eq!(outcome(&Provider::bent(bent)), untrusted());
    }
}

#[test]
fn only_the_three_algorithms_and_id_tokens_are_accepted_and_no_key_of_the_token_is_looked_at() {
    let own = Signer::ed25519().jwk("key 1");
    for header in [
        json!({"alg": "none"}),
        json!({"alg": "HS256"}),
        json!({"alg": "RS512"}),
        json!({"alg": null}),
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
        json!({"typ": "at+jwt"}),
        json!({"typ": "application/AT+JWT"}),
        json!({"typ": "logout+jwt"}),
        json!({"kid": "unknown"}),
        json!({"alg": "EdDSA", "jwk": own}),
        json!({"kid": "unknown", "jku": "http://127.0.0.1:1/jwks"}),
    ] {
        let changes = header.clone();
        let provider = Provider::with("header", move |document| change(document, &changes));
        assert_eq!(outcome(&provider), untrusted(), "{header}");
    }
}

#[test]
fn each_algorithm_signs_in() {
    for signer in [Signer::ed25519(), Signer::p256(), Signer::rsa()] {
        let key = signer.jwk("key 1");
        let mut documents: HashMap<_, Bend> = HashMap::new();
        documents.insert("jwks", Box::new(move |jwks| jwks["keys"] = json!([key])));
        assert_eq!(
            outcome(&Provider::bent(Bent { documents, signer: Some(signer), ..Bent::default() })),
            None
        );
    }
}

#[test]
fn a_token_without_kid_is_checked_with_every_key_of_its_algorithm() {
    for others in [vec![], vec![Signer::p256().jwk("key 2"), Signer::ed25519().jwk("key 3")]] {
        let mut documents: HashMap<_, Bend> = HashMap::new();
        documents.insert("header", Box::new(|header| change(header, &json!({"kid": null}))));
        documents.insert(
            "jwks",
            Box::new(move |jwks| jwks["keys"].as_array_mut().unwrap().extend(others.clone())),
        );
        assert_eq!(outcome(&Provider::bent(Bent { documents, ..Bent::default() })), None);
    }
}

#[test]
fn a_key_that_was_just_rotated_is_fetched() {
    let provider = Provider::start();
    let service = start(&provider, &[]);
    assert_eq!(Browser::default().sign_in(&service, &provider).header("location"), "/done");
    let (signer, mut documents) = (Signer::ed25519(), HashMap::<_, Bend>::new());
    let key = signer.jwk("key 2");
    documents.insert("jwks", Box::new(move |jwks| jwks["keys"] = json!([key])));
    documents.insert("header", Box::new(|header| header["kid"] = json!("key 2")));
    provider.bend(Bent { documents, signer: Some(signer), ..Bent::default() });
    assert_eq!(Browser::default().sign_in(&service, &provider).header("location"), "/done");
    assert_eq!(provider.count("/jwks"), 2);
}

#[test]
fn unknown_keys_do_not_make_the_service_fetch_without_end() {
    let provider = Provider::with("header", |header| header["kid"] = json!("unknown"));
    let service = start(&provider, &[]);
    for _ in 0..5 {
        Browser::default().sign_in(&service, &provider);
    }
    assert_eq!(provider.count("/jwks"), 2, "the first, and one more within 30 seconds");
}

#[test]
fn a_sign_in_needs_an_id_token_and_a_bearer_token() {
    for (changes, error) in [
        (json!({"id_token": null}), "unable_to_get_user_info"),
        (json!({"access_token": null}), "unable_to_get_user_info"),
        (json!({"token_type": "mac"}), "unable_to_get_user_info"),
        (json!({"token_type": null}), "unable_to_get_user_info"),
    ] {
        let bend = changes.clone();
        let provider = Provider::with("token", move |document| change(document, &bend));
        assert_eq!(outcome(&provider).as_deref(), Some(error), "{changes}");
    }
    assert_eq!(outcome(&Provider::with("token", |document| document["token_type"] = json!("BEARER"))), None);
}

#[test]
fn the_userinfo_is_of_the_same_person() {
    for sub in [json!("somebody else"), json!(null), json!(["65f0"])] {
        let provider = Provider::with("userinfo", move |document| change(document, &json!({"sub": sub})));
        assert_eq!(outcome(&provider), untrusted());
    }
    let refused = http("401 Unauthorized", &json!({"error": "invalid_token"}));
    assert_eq!(outcome(&Provider::answering("/userinfo", refused)), untrusted());
}

#[test]
fn claims_of_the_id_token_will_do_without_a_userinfo_endpoint() {
    let provider =
        Provider::with("metadata", |document| change(document, &json!({"userinfo_endpoint": null})));
    assert_eq!(outcome(&provider), None);
    assert_eq!(provider.count("/userinfo"), 0);
}

#[test]
fn the_answers_issuer_is_compared_byte_for_byte_and_needed_where_it_is_announced() {
    let announcing = || {
        Provider::with("metadata", |document| {
            document["authorization_response_iss_parameter_supported"] = json!(true)
        })
    };
    let with = |provider: &Provider, more: &str| {
        let service = start(provider, &[]);
        let mut ann = Browser::default();
        let path = Browser::consent(provider, &ann.begin(&service)) + more;
        query(ann.get(&service, &path).header("location")).get("error").cloned()
    };
    let mismatch = Some("issuer_mismatch".to_owned());
    let provider = announcing();
    assert_eq!(with(&provider, ""), mismatch);
    assert_eq!(with(&provider, &format!("&iss={}", provider.issuer)), None);
    assert_eq!(with(&provider, &format!("&iss={}/", provider.issuer)), mismatch);
    assert_eq!(with(&Provider::start(), "&iss=https://evil.example"), mismatch);
    assert_eq!(with(&Provider::start(), "&iss="), mismatch);
    assert_eq!(with(&provider, "&error=access_denied"), mismatch, "on refusals too");
    assert_eq!(provider.count("/token"), 1, "no code went out on a mismatch");
}

#[test]
fn a_token_endpoint_that_refuses_ends_the_sign_in() {
    let refused =
        http("400 Bad Request", &json!({"error": "invalid_grant", "error_description": "secret words"}));
    assert_eq!(outcome(&Provider::answering("/token", refused)).as_deref(), Some("invalid_code"));
}

#[test]
fn a_code_goes_out_once_whatever_becomes_of_the_connection() {
    let provider = Provider::bent(Bent { closes_at: Some("/token"), ..Bent::default() });
    assert_eq!(outcome(&provider).as_deref(), Some("provider_unavailable"));
    assert_eq!(provider.count("/token"), 1);
}

#[test]
fn claims_of_more_scopes_come_from_the_userinfo_endpoint() {
    let provider = Provider::with("userinfo", |claims| {
        claims["email"] = json!("ann@mail.example");
        claims["email_verified"] = json!(true);
    });
    let service = start(&provider, &[("OAUTH_SCOPES", "openid profile email")]);
    let mut ann = Browser::default();
    let url = ann.begin(&service);
    assert_eq!(query(&url)["scope"], "openid profile email");
    let path = Browser::consent(&provider, &url);
    assert_eq!(ann.get(&service, &path).header("location"), "/done");
    let user = ann.get(&service, "/api/auth/get-session").json()["user"].clone();
    assert_eq!(
        (user["email"].as_str(), user["emailVerified"].as_bool()),
        (Some("ann@mail.example"), Some(true))
    );
    assert_eq!((user["name"].as_str(), user["username"].as_str()), (Some("Ann"), Some("ann")));
    // A word of the ID token about an address that it does not have counts for none.
    let mut documents: HashMap<_, Bend> = HashMap::new();
    documents.insert("claims", Box::new(|claims| claims["email_verified"] = json!(true)));
    documents.insert("userinfo", Box::new(|claims| claims["email"] = json!("victim@corp.example")));
    let provider = Provider::bent(Bent { documents, ..Bent::default() });
    let service = start(&provider, &[]);
    ann.sign_in(&service, &provider);
    let user = ann.get(&service, "/api/auth/get-session").json()["user"].clone();
    assert_eq!(
        (user["email"].as_str(), user["emailVerified"].as_bool()),
        (Some("victim@corp.example"), Some(false))
    );
}
