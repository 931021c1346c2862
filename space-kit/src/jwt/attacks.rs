//! Attacks with forged tokens. Each test is named after the rule that stops the attack.

mod form;

use proptest::prelude::*;
use ring::hmac;
use serde_json::{Value, json};

use super::key;
use super::testing::{Signer, encode, key_set};
use super::*;

const NOW: u64 = 1_800_000_000;

fn expected() -> Expected {
    Expected { issuer: "https://id.example".to_owned(), audience: "us".to_owned() }
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "us", "sub": "ann", "iat": NOW, "exp": NOW + 600})
}

/// All checks of a token, from text to subject.
fn check(token: &str, keys: &KeySet) -> Result<String, TokenError> {
    let token = Token::parse(token)?;
    let holder = token.verify(keys)?.holder(&expected(), NOW)?;
    Ok(holder.subject.to_owned())
}

fn signers() -> [Signer; 3] {
    [Signer::ed25519(), Signer::p256(), Signer::rsa()]
}

/// A signer, its set with the kid `a`, and a valid token of it.
fn honest(signer: Signer) -> (Signer, KeySet, String) {
    let (keys, token) = (key_set(&[signer.jwk("a")]), signer.token("a", &claims()));
    assert_eq!(check(&token, &keys), Ok("ann".to_owned()), "{}", signer.alg());
    (signer, keys, token)
}

/// The token with one of its three parts replaced.
fn with_part(token: &str, at: usize, part: &str) -> String {
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[at] = part;
    parts.join(".")
}

#[test]
fn a_valid_token_of_each_algorithm_is_accepted() {
    signers().into_iter().for_each(|signer| drop(honest(signer)));
}

#[test]
fn alg_none_is_rejected_in_any_spelling() {
    let (_, keys, token) = honest(Signer::ed25519());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = encode(json!({"alg": alg, "kid": "a"}).to_string());
        for signature in ["", token.rsplit('.').next().unwrap()] {
            let forged = with_part(&with_part(&token, 0, &header), 2, signature);
            assert_eq!(check(&forged, &keys), Err(TokenError::Algorithm), "{alg}");
        }
    }
    for header in [json!({}), json!({"alg": null}), json!({"alg": ["EdDSA"]}), json!({"alg": 1})] {
        let forged = with_part(&token, 0, &encode(header.to_string()));
        assert_eq!(check(&forged, &keys), Err(TokenError::Algorithm), "{header}");
    }
}

#[test]
fn hs256_with_the_public_key_as_its_secret_is_rejected() {
    let pem = include_str!("../../tests/keys/rsa-for-tests.pem");
    for signer in signers() {
        let (signer, keys, _) = honest(signer);
        let jwk = signer.jwk("a");
        let raw = |name: &str| key::decode(jwk[name].as_str().unwrap_or_default()).unwrap_or_default();
        for secret in [raw("n"), raw("x"), jwk.to_string().into_bytes(), pem.as_bytes().to_vec()] {
            for alg in ["HS256", "hs256", signer.alg()] {
                let header = json!({"alg": alg, "kid": "a"}).to_string();
                let signed = format!("{}.{}", encode(header), encode(claims().to_string()));
                let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
                let outcome = check(&format!("{signed}.{}", encode(tag)), &keys);
                let fault = if alg == signer.alg() { TokenError::Signature } else { TokenError::Algorithm };
                assert_eq!(outcome, Err(fault));
            }
        }
    }
}

#[test]
fn a_key_is_used_only_for_its_own_algorithm() {
    for signer in signers() {
        let (signer, keys, token) = honest(signer);
        for alg in ["EdDSA", "ES256", "RS256"].into_iter().filter(|alg| *alg != signer.alg()) {
            let header = encode(json!({"alg": alg, "kid": "a"}).to_string());
            assert_eq!(check(&with_part(&token, 0, &header), &keys), Err(TokenError::NoKey));
            let claims = claims().to_string();
            let lying = signer.sign(&json!({"alg": alg, "kid": "a"}).to_string(), &claims);
            assert_eq!(check(&lying, &keys), Err(TokenError::NoKey));
        }
    }
}

#[test]
fn an_unknown_kid_matches_no_key() {
    let (signer, keys, _) = honest(Signer::p256());
    for kid in ["b", "A", "", "a ", "../a"] {
        assert_eq!(check(&signer.token(kid, &claims()), &keys), Err(TokenError::NoKey), "{kid}");
    }
    let header = json!({"alg": "ES256", "kid": ["a"]}).to_string();
    assert_eq!(check(&signer.sign(&header, &claims().to_string()), &keys), Err(TokenError::Malformed));
}

#[test]
fn the_kid_of_another_key_is_rejected() {
    let (ann, eve) = (Signer::ed25519(), Signer::ed25519());
    let keys = key_set(&[ann.jwk("a"), eve.jwk("e")]);
    assert_eq!(check(&eve.token("a", &claims()), &keys), Err(TokenError::Signature));
}

#[test]
fn without_a_kid_every_key_of_the_algorithm_is_tried_and_no_other() {
    let all = signers();
    let others = [Signer::ed25519(), Signer::p256()];
    let mut jwks: Vec<Value> = others.iter().chain(&all).map(|signer| signer.jwk("k")).collect();
    for jwk in &mut jwks {
        jwk.as_object_mut().unwrap().remove("kid");
    }
    let keys = key_set(&jwks);
    for signer in &all {
        let header = json!({"alg": signer.alg()}).to_string();
        let token = signer.sign(&header, &claims().to_string());
        assert!(check(&token, &keys).is_ok(), "several keys and no kid");
        assert!(check(&token, &key_set(&[signer.jwk("a")])).is_ok(), "one key and no kid");
    }
    let stranger = Signer::p256().sign(r#"{"alg":"ES256"}"#, &claims().to_string());
    assert_eq!(check(&stranger, &keys), Err(TokenError::NoKey));
}

#[test]
fn keys_in_the_header_are_ignored() {
    let (_, keys, _) = honest(Signer::ed25519());
    let eve = Signer::ed25519();
    for (header, fault) in [
        (json!({"alg": "EdDSA", "kid": "a", "jwk": eve.jwk("a")}), TokenError::Signature),
        (json!({"alg": "EdDSA", "jwk": eve.jwk("a")}), TokenError::NoKey),
        (json!({"alg": "EdDSA", "kid": "a", "jku": "https://evil.example/jwks"}), TokenError::Signature),
        (
            json!({"alg": "EdDSA", "kid": "a", "x5u": "https://evil.example/c", "x5c": ["AA"]}),
            TokenError::Signature,
        ),
        (json!({"alg": "EdDSA", "kid": "https://evil.example/jwks"}), TokenError::NoKey),
    ] {
        let forged = eve.sign(&header.to_string(), &claims().to_string());
        assert_eq!(check(&forged, &keys), Err(fault), "{header}");
    }
}

#[test]
fn a_critical_extension_is_rejected() {
    let (signer, keys, _) = honest(Signer::ed25519());
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!(null), json!("x")] {
        let header = json!({"alg": "EdDSA", "kid": "a", "crit": crit, "b64": false});
        let token = signer.sign(&header.to_string(), &claims().to_string());
        assert_eq!(check(&token, &keys), Err(TokenError::Critical), "{crit}");
    }
}

#[test]
fn a_token_of_another_type_is_rejected() {
    let (signer, keys, _) = honest(Signer::ed25519());
    for (kind, passes) in [
        (json!("JWT"), true),
        (json!("at+jwt"), true),
        (json!("application/at+JWT"), true),
        (json!("logout+jwt"), false),
        (json!("dpop+jwt"), false),
        (json!("secevent+jwt"), false),
        (json!(""), false),
        (json!(1), false),
        (json!(null), false),
    ] {
        let header = json!({"alg": "EdDSA", "kid": "a", "typ": kind});
        let outcome = check(&signer.sign(&header.to_string(), &claims().to_string()), &keys);
        assert_eq!(outcome.err(), (!passes).then_some(TokenError::Kind), "{kind}");
    }
}

#[test]
fn the_signature_is_verified_before_the_claims_are_used() {
    let (_, keys, token) = honest(Signer::ed25519());
    let mut other = claims();
    other["sub"] = json!("eve");
    let forged = with_part(&token, 1, &encode(other.to_string()));
    assert_eq!(check(&forged, &keys), Err(TokenError::Signature));
    other["exp"] = json!(1);
    let forged = with_part(&token, 1, &encode(other.to_string()));
    assert_eq!(check(&forged, &keys), Err(TokenError::Signature));
}

#[test]
fn signatures_of_zeros_are_rejected() {
    for signer in signers() {
        let (_, keys, token) = honest(signer);
        for length in [0, 1, 32, 63, 64, 65, 96, 128, 255, 256, 257, 512] {
            let zeros = with_part(&token, 2, &encode(vec![0; length]));
            assert_eq!(check(&zeros, &keys), Err(TokenError::Signature));
        }
    }
}

#[test]
fn a_key_that_left_the_set_is_not_accepted() {
    let (_, _, token) = honest(Signer::ed25519());
    assert_eq!(check(&token, &KeySet::default()), Err(TokenError::NoKey));
}

#[test]
fn wrong_claims_are_rejected_despite_a_valid_signature() {
    let (signer, keys, _) = honest(Signer::ed25519());
    for (name, value, fault) in [
        ("iss", json!("https://evil.example"), TokenError::Issuer),
        ("aud", json!("them"), TokenError::Audience),
        ("aud", json!(["us", "them"]), TokenError::Party),
        ("azp", json!("them"), TokenError::Party),
        ("exp", json!(NOW - 60), TokenError::Expired),
        ("iat", json!(NOW + 61), TokenError::NotYet),
        ("nbf", json!(NOW + 61), TokenError::NotYet),
        ("sub", json!(""), TokenError::Claim("sub")),
    ] {
        let mut claims = claims();
        claims[name] = value;
        assert_eq!(check(&signer.token("a", &claims), &keys), Err(fault), "{claims}");
    }
}

#[test]
fn no_error_repeats_the_token() {
    let (_, keys, token) = honest(Signer::ed25519());
    let forged = with_part(&token, 2, "AAAA");
    let message = check(&forged, &keys).unwrap_err().message();
    assert!(token.split('.').all(|part| !message.contains(part)));
}

/// One signer for all cases, because creating one takes longer than a case.
fn shared() -> &'static (Signer, KeySet, String) {
    static SHARED: std::sync::OnceLock<(Signer, KeySet, String)> = std::sync::OnceLock::new();
    SHARED.get_or_init(|| honest(Signer::ed25519()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn no_text_passes_or_panics(text in "([ -~é漢]|[A-Za-z0-9_-]{1,20}|\\.){0,12}") {
        prop_assert!(check(&text, &shared().1).is_err());
    }

    #[test]
    fn no_header_and_claims_without_the_key_pass(
        header in "([ -~é漢]|[{}\":,]|alg|EdDSA|kid|none){0,20}", claims in "([ -~é漢]|[{}\":,]|sub|exp){0,20}",
        signature in prop::collection::vec(any::<u8>(), 0..70),
    ) {
        for header in [header, r#"{"alg":"EdDSA","kid":"a"}"#.to_owned()] {
            let token = format!("{}.{}.{}", encode(header), encode(&claims), encode(&signature));
            prop_assert!(check(&token, &shared().1).is_err());
        }
    }

    #[test]
    fn a_changed_token_does_not_pass(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, "[A-Za-z0-9_.=-]"), 1..4),
    ) {
        let (_, keys, token) = shared();
        let mut changed: Vec<char> = token.chars().collect();
        for (at, act, with) in edits {
            let (at, with) = (at.index(changed.len()), with.chars().next().unwrap());
            match act {
                0 => changed[at] = with,
                1 => changed.insert(at, with),
                _ => _ = changed.remove(at),
            }
        }
        let changed: String = changed.into_iter().collect();
        prop_assert_eq!(check(&changed, keys).is_ok(), changed == *token);
    }

    #[test]
    fn what_the_issuer_signs_is_read_as_it_was_written(subject in "[ -~é漢]{1,60}", more in "[ -~é漢]{0,40}") {
        let mut claims = claims();
        claims["sub"] = json!(subject);
        claims["more"] = json!([{more: subject}]);
        let (signer, keys, _) = shared();
        prop_assert_eq!(check(&signer.token("a", &claims), keys), Ok(subject));
    }
}
