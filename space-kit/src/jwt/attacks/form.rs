//! Tokens that are truncated, changed, too long, or spelled in another way.

use serde_json::json;

use super::*;
use crate::jwt::error::MAX_TOKEN;

#[test]
fn a_flipped_bit_anywhere_is_rejected() {
    for signer in signers() {
        let (_, keys, token) = honest(signer);
        for at in 0..token.len() {
            for bit in 0..7 {
                let mut bytes = token.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let flipped = String::from_utf8(bytes).unwrap();
                assert!(check(&flipped, &keys).is_err(), "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_truncated_token_is_rejected_at_any_length() {
    for signer in signers() {
        let (_, keys, token) = honest(signer);
        for length in 0..token.len() {
            assert!(check(&token[..length], &keys).is_err(), "{length}");
            assert!(check(&token[length + 1..], &keys).is_err(), "{length}");
        }
    }
}

#[test]
fn a_token_has_three_parts() {
    let (_, keys, token) = honest(Signer::ed25519());
    let parts: Vec<&str> = token.split('.').collect();
    for other in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "...".to_owned(),
        parts[0].to_owned(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!(".{}.{}", parts[1], parts[2]),
        format!("{}..{}", parts[0], parts[2]),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{}", parts[2]),
        format!("{token}.{}.{}", parts[1], parts[2]),
        format!(" {token}"),
        format!("{token}\n"),
        format!("{token}\0"),
        json!({"payload": parts[1], "protected": parts[0], "signature": parts[2]}).to_string(),
    ] {
        assert!(check(&other, &keys).is_err(), "{other}");
    }
}

#[test]
fn padding_and_other_spellings_of_base64_are_rejected() {
    let (signer, keys, token) = honest(Signer::ed25519());
    for at in 0..3 {
        let part = token.split('.').nth(at).unwrap();
        for other in [
            format!("{part}="),
            format!("{part}=="),
            format!("={part}"),
            format!("{part}\n"),
            format!("{} {}", &part[..4], &part[4..]),
            format!("{part}A"),
            format!("{part}%3D"),
        ] {
            assert!(check(&with_part(&token, at, &other), &keys).is_err(), "part {at}: {other}");
        }
    }
    // The last character of a signature of 64 bytes has four bits too many: 15 of 16 spellings are wrong.
    let (signature, alphabet) = (
        token.rsplit('.').next().unwrap(),
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    );
    let passing = alphabet.chars().filter(|last| {
        let other = format!("{}{last}", &signature[..signature.len() - 1]);
        check(&with_part(&token, 2, &other), &keys).is_ok()
    });
    assert_eq!(passing.count(), 1);
    // The standard alphabet of a signed text that needs the last two characters.
    let mut wide = claims();
    wide["note"] = json!("???>>>~~~ÿÿÿ");
    let token = signer.token("a", &wide);
    assert!(check(&token, &keys).is_ok() && token.contains(['-', '_']));
    assert!(check(&token.replace('-', "+").replace('_', "/"), &keys).is_err());
}

#[test]
fn a_repeated_name_is_rejected() {
    let (signer, keys, _) = honest(Signer::ed25519());
    let (header, claims) = (r#"{"alg":"EdDSA","kid":"a"}"#, claims().to_string());
    let rest = claims.trim_start_matches('{');
    for twice in [
        format!(r#"{{"sub":"eve",{rest}"#),
        format!(r#"{{"aud":"them",{rest}"#),
        format!(r#"{{"exp":9999999999,{rest}"#),
        format!(r#"{{"\u0073ub":"eve",{rest}"#),
        format!(r#"{{"orgs":[{{"sub":"a","sub":"b"}}],{rest}"#),
    ] {
        assert_eq!(check(&signer.sign(header, &twice), &keys), Err(TokenError::Malformed), "{twice}");
    }
    for twice in [r#"{"alg":"none","alg":"EdDSA","kid":"a"}"#, r#"{"alg":"EdDSA","kid":"b","kid":"a"}"#] {
        assert_eq!(check(&signer.sign(twice, &claims), &keys), Err(TokenError::Malformed), "{twice}");
    }
}

#[test]
fn header_and_claims_are_json_objects() {
    let (signer, keys, _) = honest(Signer::ed25519());
    for wrong in ["", "null", "[]", "\"a\"", "{", "{}{}", "{\"a\":1,}", "\u{feff}{}", "{'a':1}"] {
        assert!(check(&signer.sign(wrong, &claims().to_string()), &keys).is_err(), "{wrong}");
        let header = r#"{"alg":"EdDSA","kid":"a"}"#;
        assert_eq!(check(&signer.sign(header, wrong), &keys), Err(TokenError::Malformed), "{wrong}");
    }
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
    assert_eq!(check(&signer.sign(r#"{"alg":"EdDSA","kid":"a"}"#, &deep), &keys), Err(TokenError::Malformed));
}

#[test]
fn a_huge_token_is_rejected_unread() {
    let (signer, keys, _) = honest(Signer::ed25519());
    let mut large = claims();
    large["note"] = json!("x".repeat(11_500));
    let fits = signer.token("a", &large);
    assert!(fits.len() <= MAX_TOKEN && check(&fits, &keys).is_ok(), "{}", fits.len());
    large["note"] = json!("x".repeat(12_500));
    assert_eq!(check(&signer.token("a", &large), &keys), Err(TokenError::TooLong));
    assert_eq!(check(&".".repeat(100_000), &keys), Err(TokenError::TooLong));
}
