//! A provider that breaks a rule signs no visitor in: OpenID Connect Core section 3.1.3.7, RFC 9207, RFC 9700, and the
//! modules for the code flow of the OpenID relying party basic certification.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use space_kit::jwt::testing::Signer;

use crate::browser::{Browser, start};
use crate::mock_provider::{CLIENT_ID, Change, Deviation, MockProvider, http, query};

/// The error code of a sign-in at this provider; `None` if it succeeds.
pub(crate) fn outcome(provider: &MockProvider) -> Option<String> {
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
    outcome(&MockProvider::with("claims", move |claims| change(claims, &changes)))
}

/// Replaces members; null removes a member.
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
fn a_correct_provider_signs_in() {
    assert_eq!(outcome(&MockProvider::start()), None);
}

#[test]
fn the_id_token_issuer_must_match() {
    assert_eq!(claims(json!({"iss": "https://evil.example"})), untrusted());
    assert_eq!(claims(json!({"iss": null})), untrusted());
}

#[test]
fn the_id_token_audience_must_match() {
    assert_eq!(claims(json!({"aud": "another"})), untrusted());
    assert_eq!(claims(json!({"aud": null})), untrusted());
    assert_eq!(claims(json!({"aud": [CLIENT_ID, "another"]})), untrusted());
    assert_eq!(claims(json!({"azp": "another"})), untrusted());
    assert_eq!(claims(json!({"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID})), None);
}

#[test]
fn the_id_token_must_be_valid_now() {
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
    assert_eq!(
        claims(json!({"exp": now() - 30, "iat": now() + 30})),
        None,
        "clocks may differ by up to 60 seconds"
    );
}

#[test]
fn an_optional_claim_may_be_null() {
    for name in ["azp", "nbf"] {
        assert_eq!(
            outcome(&MockProvider::with("claims", move |claims| claims[name] = Value::Null)),
            None,
            "{name}"
        );
    }
}

#[test]
fn the_id_token_nonce_must_match() {
    assert_eq!(claims(json!({"nonce": "of another sign-in"})), untrusted());
    assert_eq!(claims(json!({"nonce": null})), untrusted());
}

#[test]
fn the_id_token_needs_a_valid_subject() {
    for sub in [json!(null), json!(""), json!(7), json!("x".repeat(256))] {
        assert_eq!(claims(json!({"sub": sub})), untrusted(), "{sub}");
    }
}

#[test]
fn a_missing_or_wrong_signature_is_rejected() {
    let text = |text: fn(String) -> String| Deviation { text: Some(Box::new(text)), ..Deviation::default() };
    for deviation in [
        text(|token| {
            // A well-formed signature of the right length with one wrong bit.
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
        Deviation { signer: Some(Signer::ed25519()), ..Deviation::default() },
        Deviation { signer: Some(Signer::p256()), ..Deviation::default() },
    ] {
        assert_eq!(outcome(&MockProvider::deviating(deviation)), untrusted());
    }
}

#[test]
fn only_id_tokens_of_three_algorithms_are_accepted_and_keys_in_the_header_are_ignored() {
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
        let provider = MockProvider::with("header", move |document| change(document, &changes));
        assert_eq!(outcome(&provider), untrusted(), "{header}");
    }
}

#[test]
fn each_algorithm_signs_in() {
    for signer in [Signer::ed25519(), Signer::p256(), Signer::rsa()] {
        let key = signer.jwk("key 1");
        let mut documents: HashMap<_, Change> = HashMap::new();
        documents.insert("jwks", Box::new(move |jwks| jwks["keys"] = json!([key])));
        assert_eq!(
            outcome(&MockProvider::deviating(Deviation {
                documents,
                signer: Some(signer),
                ..Deviation::default()
            })),
            None
        );
    }
}

#[test]
fn a_token_without_kid_is_verified_with_every_key_of_its_algorithm() {
    for others in [vec![], vec![Signer::p256().jwk("key 2"), Signer::ed25519().jwk("key 3")]] {
        let mut documents: HashMap<_, Change> = HashMap::new();
        documents.insert("header", Box::new(|header| change(header, &json!({"kid": null}))));
        documents.insert(
            "jwks",
            Box::new(move |jwks| jwks["keys"].as_array_mut().unwrap().extend(others.clone())),
        );
        assert_eq!(outcome(&MockProvider::deviating(Deviation { documents, ..Deviation::default() })), None);
    }
}

#[test]
fn a_rotated_key_is_fetched() {
    let provider = MockProvider::start();
    let service = start(&provider, &[]);
    assert_eq!(Browser::default().sign_in(&service, &provider).header("location"), "/done");
    let (signer, mut documents) = (Signer::ed25519(), HashMap::<_, Change>::new());
    let key = signer.jwk("key 2");
    documents.insert("jwks", Box::new(move |jwks| jwks["keys"] = json!([key])));
    documents.insert("header", Box::new(|header| header["kid"] = json!("key 2")));
    provider.deviate(Deviation { documents, signer: Some(signer), ..Deviation::default() });
    assert_eq!(Browser::default().sign_in(&service, &provider).header("location"), "/done");
    assert_eq!(provider.count("/jwks"), 2);
}

#[test]
fn unknown_key_ids_do_not_cause_endless_fetches() {
    let provider = MockProvider::with("header", |header| header["kid"] = json!("unknown"));
    let service = start(&provider, &[]);
    for _ in 0..5 {
        Browser::default().sign_in(&service, &provider);
    }
    assert_eq!(provider.count("/jwks"), 2, "the first fetch, and one more within 30 seconds");
}

#[test]
fn the_token_response_needs_an_id_token_and_a_bearer_token() {
    for (changes, error) in [
        (json!({"id_token": null}), "unable_to_get_user_info"),
        (json!({"access_token": null}), "unable_to_get_user_info"),
        (json!({"token_type": "mac"}), "unable_to_get_user_info"),
        (json!({"token_type": null}), "unable_to_get_user_info"),
    ] {
        let change_to = changes.clone();
        let provider = MockProvider::with("token", move |document| change(document, &change_to));
        assert_eq!(outcome(&provider).as_deref(), Some(error), "{changes}");
    }
    assert_eq!(
        outcome(&MockProvider::with("token", |document| document["token_type"] = json!("BEARER"))),
        None
    );
}

#[test]
fn the_userinfo_subject_must_match() {
    for sub in [json!("another user"), json!(null), json!(["65f0"])] {
        let provider = MockProvider::with("userinfo", move |document| change(document, &json!({"sub": sub})));
        assert_eq!(outcome(&provider), untrusted());
    }
    let refused = http("401 Unauthorized", &json!({"error": "invalid_token"}));
    assert_eq!(outcome(&MockProvider::responding("/userinfo", refused)), untrusted());
}

#[test]
fn without_a_userinfo_endpoint_the_claims_of_the_id_token_are_enough() {
    let provider =
        MockProvider::with("metadata", |document| change(document, &json!({"userinfo_endpoint": null})));
    assert_eq!(outcome(&provider), None);
    assert_eq!(provider.count("/userinfo"), 0);
}

#[test]
fn the_iss_parameter_must_match_exactly_and_is_required_if_announced() {
    let announcing = || {
        MockProvider::with("metadata", |document| {
            document["authorization_response_iss_parameter_supported"] = json!(true)
        })
    };
    let with = |provider: &MockProvider, more: &str| {
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
    assert_eq!(with(&MockProvider::start(), "&iss=https://evil.example"), mismatch);
    assert_eq!(with(&MockProvider::start(), "&iss="), mismatch);
    assert_eq!(with(&provider, "&error=access_denied"), mismatch, "also with an error");
    assert_eq!(provider.count("/token"), 1, "no code was sent after a mismatch");
}

#[test]
fn a_code_that_the_token_endpoint_rejects_ends_the_sign_in() {
    let refused =
        http("400 Bad Request", &json!({"error": "invalid_grant", "error_description": "secret words"}));
    assert_eq!(outcome(&MockProvider::responding("/token", refused)).as_deref(), Some("invalid_code"));
}

#[test]
fn a_code_is_sent_only_once_even_if_the_connection_fails() {
    let provider = MockProvider::deviating(Deviation { closes_at: Some("/token"), ..Deviation::default() });
    assert_eq!(outcome(&provider).as_deref(), Some("provider_unavailable"));
    assert_eq!(provider.count("/token"), 1);
}

#[test]
fn claims_of_additional_scopes_come_from_the_userinfo_endpoint() {
    let provider = MockProvider::with("userinfo", |claims| {
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
    // email_verified of an ID token without an e-mail address is ignored.
    let mut documents: HashMap<_, Change> = HashMap::new();
    documents.insert("claims", Box::new(|claims| claims["email_verified"] = json!(true)));
    documents.insert("userinfo", Box::new(|claims| claims["email"] = json!("victim@corp.example")));
    let provider = MockProvider::deviating(Deviation { documents, ..Deviation::default() });
    let service = start(&provider, &[]);
    ann.sign_in(&service, &provider);
    let user = ann.get(&service, "/api/auth/get-session").json()["user"].clone();
    assert_eq!(
        (user["email"].as_str(), user["emailVerified"].as_bool()),
        (Some("victim@corp.example"), Some(false))
    );
}
