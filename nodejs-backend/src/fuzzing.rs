//! The assertions of the fuzz targets. They are here because they use items that other crates cannot see.
#![allow(clippy::expect_used, clippy::panic)] // a panic is how a fuzz target reports a failure

use std::sync::LazyLock;

use ring::signature::Ed25519KeyPair;
use serde_json::{Map, Value, json};
use space_kit::jwt::testing::{Signer, key_set};
use space_kit::jwt::{Expected, Holder, KeySet, Token, is_subject};
use space_kit::web::Origin;

use crate::crypto::{Purpose, token};
use crate::flow::Flow;
use crate::oidc;
use crate::session::user::User;
use crate::session::{Lifetime, Session};
use crate::web::callback_url;
use crate::web::query::{self, Params};
use crate::web::trusted_origins::TrustedOrigins;
use crate::web::{cookie, html};
use space_kit::seal::Sealer;

/// A browser that is redirected to an accepted address stays with the service or arrives at a trusted site.
pub fn address(text: &str) {
    let sites = ["https://site.example", "http://localhost:3000"].map(str::to_owned).to_vec();
    let base = Origin::parse("https://auth.example").expect("an origin");
    let trusted = TrustedOrigins::new(&base, sites);
    if let Some(written) = callback_url::trusted(text, &trusted) {
        let base = url::Url::parse("https://auth.example/api/auth/callback/x?code=1").expect("an address");
        let url = base.join(&written).expect("a browser can go there");
        assert_eq!(base.join(text).ok().as_ref(), Some(&url), "{text:?} and {written:?}");
        assert!(trusted.contains(&url.origin().ascii_serialization()), "{text:?} is {url}");
        assert!(url.username().is_empty() && url.password().is_none());
    }
    if let Some(origin) = Origin::parse(text) {
        assert_eq!(Origin::parse(&origin.to_string()), Some(origin), "{text:?}");
    }
}

/// A query decodes as in browsers, and a pair that is appended to an address decodes unchanged.
pub fn query(text: &str) {
    let theirs: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    if let Ok(params) = Params::parse(text) {
        for (name, value) in &theirs {
            assert_eq!(params.get(name), Some(value.as_str()), "{text:?}");
        }
    }
    let whole = query::append("/x?a=b#c", &[("error", text)]);
    let url = url::Url::parse("https://auth.example").and_then(|base| base.join(&whole)).expect("an address");
    let found = url.query_pairs().find(|(name, _)| name == "error").map(|(_, value)| value.into_owned());
    assert_eq!(found.as_deref(), Some(text));
    assert_eq!(url.fragment(), Some("c"));
}

/// No part of a cookie contains a separator, and no escaped text contains markup.
pub fn cookies(text: &str) {
    for (name, value) in cookie::pairs(text.lines().map(str::as_bytes)) {
        assert!(!name.contains([';', '=']) && !value.contains(';'), "{text:?}");
    }
    assert!(!html::escape(text).contains(['<', '>', '"', '\'']));
}

/// A value that this service did not seal never opens, and a decoded value encodes to a text that decodes the same.
pub fn records(bytes: &[u8]) {
    let sealer = Sealer::new(Purpose::Session.label(), [[7; 32]]);
    if let Ok(text) = str::from_utf8(bytes) {
        assert!(sealer.open(text).is_none(), "{text:?}");
    }
    let sealed = sealer.seal(bytes, [1; 16]).expect("a sealed value");
    if let Some(unsealed) = sealer.open(&sealed) {
        assert_eq!(unsealed.plain, bytes);
    }
    if let Some((first, _)) = bytes.split_first() {
        let at = usize::from(*first) % sealed.len();
        let mut changed = sealed.clone();
        changed.replace_range(at..=at, if sealed.as_bytes().get(at) == Some(&b'A') { "B" } else { "A" });
        assert!(sealer.open(&changed).is_none(), "{changed:?} for {sealed:?}");
    }
    if let Some(session) = Session::decode(bytes) {
        assert_eq!(Session::decode(session.encode().as_bytes()).as_ref(), Some(&session));
        assert!(session.json().is_object() && session.claims("i", "a", u64::MAX).is_object());
    }
    if let Some(flow) = Flow::decode(bytes) {
        assert_eq!(Flow::decode(flow.encode().as_bytes()), Some(flow));
    }
}

const NOW: u64 = 1_800_000_000;
const LIFETIME: Lifetime = Lifetime { idle: 7 * 86_400, max: 30 * 86_400 };

/// An issuer with a fixed key.
static ISSUER: LazyLock<(Signer, KeySet)> = LazyLock::new(|| {
    let signer = Signer::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key"));
    let keys = key_set(&[signer.jwk("a")]);
    (signer, keys)
});
/// This service's own signing key.
static OURS: LazyLock<(token::Signer, KeySet)> = LazyLock::new(|| {
    let signer = token::Signer::from_seed(&[8; 32]).expect("a key");
    let keys = token::key_set(std::slice::from_ref(&signer)).to_string();
    (signer, KeySet::parse(keys.as_bytes()).expect("a key set"))
});

/// A token that the issuer did not sign is never accepted. Of the tokens that it signed, exactly those for this service
/// and this time are. The input is used as a token, as a key set, and as claims, with an optional header on a line
/// before them.
pub fn tokens(text: &str) {
    let (issuer, keys) = &*ISSUER;
    if let Ok(token) = Token::parse(text) {
        assert!(token.verify(keys).is_err(), "{text:?}");
    }
    _ = KeySet::parse(text.as_bytes());

    let header_of_issuer = r#"{"alg":"EdDSA","kid":"a","typ":"JWT"}"#;
    let (header, claims) = text.split_once('\n').unwrap_or((header_of_issuer, text));
    let object = serde_json::from_str::<Map<String, Value>>(claims).ok();
    let accepted = accepts(&issuer.sign(header, claims), keys);
    assert!(!accepted || object.as_ref().is_some_and(is_valid), "{text:?}");

    // Valid claims, some of them replaced; null removes a claim.
    let Some(object) = object else { return };
    let mut claims = json!({"iss": "https://id.example", "aud": "us", "sub": "ann", "iat": NOW, "exp": NOW + 600, "nonce": "n"});
    let claims = claims.as_object_mut().expect("an object");
    claims.extend(object);
    claims.retain(|_, value| !value.is_null());
    let token = issuer.sign(header_of_issuer, &json!(claims).to_string());
    if token.len() <= 16 * 1024 {
        assert_eq!(accepts(&token, keys), is_valid(claims), "{claims:?}");
    }
}

/// Whether the whole verification accepts a token. If it does, its holder is signed in.
fn accepts(text: &str, keys: &KeySet) -> bool {
    let expected = Expected { issuer: "https://id.example".to_owned(), audience: "us".to_owned() };
    let Ok(token) = Token::parse(text) else { return false };
    let Ok(verified) = token.verify(keys) else { return false };
    verified.holder(&expected, NOW).map(|holder| sign_in(&holder)).is_ok()
}

/// A second, short implementation of the rules.
fn is_valid(claims: &Map<String, Value>) -> bool {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let time = |name: &str| claims.get(name).and_then(Value::as_f64);
    let absent = |name: &str| claims.get(name).is_none_or(Value::is_null);
    let list = match claims.get("aud") {
        Some(Value::Array(list)) => list.clone(),
        one => one.cloned().into_iter().collect(),
    };
    let party =
        text("azp").map_or(absent("azp") && list.iter().all(|one| one == "us"), |party| party == "us");
    let now = NOW as f64;
    text("iss") == Some("https://id.example")
        && list.iter().all(Value::is_string)
        && list.iter().any(|one| one == "us")
        && party
        && time("exp").is_some_and(|exp| now < exp + 60.0)
        && time("iat").is_some_and(|iat| iat <= now + 60.0)
        && time("nbf").map_or(absent("nbf"), |nbf| nbf <= now + 60.0)
        && text("sub").is_some_and(is_subject)
}

/// The holder of a valid token gets a session that survives sealing, and a token of ours with the same subject.
fn sign_in(holder: &Holder<'_>) {
    let claims = holder.claims();
    let of_this_flow = claims["iat"].as_f64().is_some_and(|iat| iat + 660.0 >= NOW as f64);
    assert_eq!(
        oidc::check_flow(claims, "n", NOW).is_ok(),
        of_this_flow && claims.get("nonce") == Some(&"n".into())
    );
    let more = json!({"sub": holder.subject, "name": "Other", "email_verified": true});
    let more = more.as_object().expect("an object").clone();
    let merged = oidc::merge(claims.clone(), more).expect("the same user");
    let kept = |name: &str| name != "email_verified" || claims.contains_key("email");
    assert!(claims.iter().all(|(name, value)| !kept(name) || merged.get(name) == Some(value)));

    let user = User::from_claims(&merged, str::to_owned).expect("a user");
    assert_eq!(user.id, holder.subject);
    let session = Session::begin("AAAAAAAAAAAAAAAAAAAAAA".to_owned(), user, NOW, LIFETIME, 0);
    assert_eq!(Session::decode(session.encode().as_bytes()).as_ref(), Some(&session));
    let sealer = Sealer::new(Purpose::Session.label(), [[7; 32]]);
    let sealed = sealer.seal(session.encode().as_bytes(), [1; 16]).expect("a sealed value");
    assert!(sealed.len() <= 3500, "a cookie of {} bytes", sealed.len());

    let (signer, keys) = &*OURS;
    let token = signer.sign(&session.claims("https://auth.example", "app", NOW));
    let token = Token::parse(&token).expect("a token");
    let expected = Expected { issuer: "https://auth.example".to_owned(), audience: "app".to_owned() };
    let verified = token.verify(keys).expect("our signature");
    assert_eq!(verified.holder(&expected, NOW).expect("a holder").subject, holder.subject);
}
