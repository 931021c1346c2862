//! Authentication, from the headers of a request to its caller or error.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use space_kit::jwks::{Document, FetchError};
use space_kit::jwt::testing::Signer;
use space_kit::{Bytes, HeaderMap};

use super::super::payer::PayerToken;
use super::*;

const KEY: &str = "sk-0123456789abcdefghij";
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const NOW: u64 = 1_800_000_000;

/// An issuer whose keys can be replaced and that counts how often they are fetched.
struct Issuer {
    keys: Arc<Mutex<Option<Vec<Value>>>>,
    fetches: Arc<AtomicUsize>,
    start: Instant,
}

impl Issuer {
    fn new(keys: Option<Vec<Value>>) -> Issuer {
        Issuer { keys: Arc::new(Mutex::new(keys)), fetches: Arc::default(), start: Instant::now() }
    }

    fn fetch(&self) -> FetchDocument {
        let (keys, fetches) = (self.keys.clone(), self.fetches.clone());
        Box::new(move |_| {
            fetches.fetch_add(1, Ordering::SeqCst);
            let set = keys.lock().unwrap().as_ref().map(|keys| json!({"keys": keys}).to_string());
            let document = set.map(|set| Document { bytes: Bytes::from(set), max_age: None });
            Box::pin(async move { document.ok_or_else(|| FetchError::Other("refused".to_owned())) })
        })
    }

    fn failures(&self) -> Limiter<RandomState> {
        Limiter::new(FAILURES, self.start, RandomState::new())
    }

    fn now(&self, later: u64) -> Now {
        Now { instant: self.start + Duration::from_secs(later), unix: NOW + later }
    }
}

fn rule(open: bool, keys: bool, allow: Option<&str>) -> AccessRule {
    AccessRule::Allow {
        open,
        keys: keys.then(|| ApiKeys::parse(&format!("ann:{KEY}")).unwrap()),
        tokens: allow.map(|allow| TokenRule {
            expected: Expected { issuer: "https://id.example".to_owned(), audience: "us".to_owned() },
            origin: Location::Address("https://id.example/jwks".to_owned()),
            allow: AllowList::parse(allow).unwrap(),
        }),
    }
}

fn claims(sub: &str) -> Value {
    json!({"iss": "https://id.example", "aud": "us", "sub": sub, "iat": NOW, "exp": NOW + 600})
}

async fn authenticate(access: &Access, now: Now, list: &[(&'static str, &str)]) -> Result<Caller, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    access.authenticate(&Credentials::of(&headers), CLIENT, now).await
}

async fn bearer(access: &Access, now: Now, credential: &str) -> Result<Caller, Error> {
    authenticate(access, now, &[("authorization", &format!("Bearer {credential}"))]).await
}

fn rejected(outcome: Result<Caller, Error>) -> (u16, &'static str, String) {
    let error = outcome.unwrap_err();
    (error.status.as_u16(), error.code, error.message.to_string())
}

fn admitted(outcome: Result<Caller, Error>) -> (String, CallerKind) {
    let caller = outcome.unwrap();
    (caller.label, caller.kind)
}

#[tokio::test]
async fn without_a_rule_the_error_lists_the_three_choices() {
    let issuer = Issuer::new(None);
    let access = Access::new(AccessRule::NotConfigured, issuer.fetch(), issuer.failures());
    assert!(!access.is_configured());
    let (status, code, message) = rejected(bearer(&access, issuer.now(0), KEY).await);
    assert_eq!((status, code), (401, "access_not_configured"));
    for named in ["ACCESS=open", "API_KEYS", "JWT_ISSUER, JWT_AUDIENCE and JWT_ALLOW", "only the demo model"]
    {
        assert!(message.contains(named), "{message}");
    }
}

#[tokio::test]
async fn a_key_is_accepted_in_either_header() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(false, true, None), issuer.fetch(), issuer.failures());
    let now = issuer.now(0);
    assert!(access.is_configured());
    let ann = ("ann".to_owned(), CallerKind::Key);
    assert_eq!(admitted(bearer(&access, now, KEY).await), ann);
    assert_eq!(admitted(authenticate(&access, now, &[("x-api-key", KEY)]).await), ann);
    let both = [("x-api-key", KEY), ("authorization", "Bearer hf_token_of_a_private_space")];
    assert_eq!(admitted(authenticate(&access, now, &both).await), ann);
    let swapped = [("x-api-key", "hf_token"), ("authorization", &format!("Bearer {KEY}"))];
    assert_eq!(admitted(authenticate(&access, now, &swapped).await), ann);
}

#[tokio::test]
async fn each_error_has_its_own_message_and_repeats_no_credential() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(false, true, None), issuer.fetch(), issuer.failures());
    for (list, words) in [
        (&[][..], "no credentials were sent"),
        (&[("authorization", "Basic secret")], "does not begin with Bearer"),
        (&[("authorization", "Bearer")], "empty or not visible ASCII"),
        (&[("authorization", "Bearer secret"), ("authorization", "Bearer secret")], "more than once"),
        (&[("authorization", "Bearer secret")], "the API key is unknown"),
        (&[("authorization", "Bearer a.secret.c")], "the API key is unknown"),
        (&[("x-api-key", "secret")], "the API key is unknown"),
    ] {
        let error = authenticate(&access, issuer.now(0), list).await.unwrap_err();
        assert_eq!((error.status.as_u16(), error.code), (401, "invalid_api_key"));
        assert!(error.message.contains(words), "{list:?}: {}", error.message);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        assert_eq!(error.headers, [(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))]);
    }
}

#[tokio::test]
async fn a_token_is_accepted_if_the_rule_names_its_holder() {
    let signer = Signer::ed25519();
    let issuer = Issuer::new(Some(vec![signer.jwk("a")]));
    let access = Access::new(rule(false, true, Some("sub:ann")), issuer.fetch(), issuer.failures());
    let now = issuer.now(0);
    let outcome = bearer(&access, now, &signer.token("a", &claims("ann"))).await;
    assert_eq!(admitted(outcome), ("ann".to_owned(), CallerKind::Token));
    assert_eq!(admitted(bearer(&access, now, KEY).await).1, CallerKind::Key, "keys still work");
    let error = bearer(&access, now, &signer.token("a", &claims("bob"))).await.unwrap_err();
    assert_eq!((error.status.as_u16(), error.code), (403, "access_denied"));
    assert_eq!(error.cause.as_deref(), Some("JWT_ALLOW does not name sub:bob"));
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_invalid_token_is_rejected_with_the_reason() {
    let signer = Signer::p256();
    let issuer = Issuer::new(Some(vec![signer.jwk("a")]));
    let access = Access::new(rule(false, false, Some("*")), issuer.fetch(), issuer.failures());
    let token = signer.token("a", &claims("ann"));
    let error = bearer(&access, issuer.now(660), &token).await.unwrap_err();
    assert_eq!(error.message, "the token is invalid: it has expired (exp)");
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    assert_eq!(error.headers, [(WWW_AUTHENTICATE, challenge)]);
    let (status, _, message) = rejected(bearer(&access, issuer.now(660), "a.b.c").await);
    assert_eq!((status, message.contains("three base64url parts")), (401, true));
    let (status, _, message) = rejected(bearer(&access, issuer.now(660), "hf_opaque").await);
    assert_eq!((status, message.contains("neither a known API key nor a token")), (401, true));
}

#[tokio::test]
async fn a_text_that_is_not_a_token_fetches_no_keys() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(false, false, Some("*")), issuer.fetch(), issuer.failures());
    for text in ["key", "a.b", "a.b.c", "a.b.c.d", "..", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(rejected(bearer(&access, issuer.now(0), text).await).0, 401, "{text}");
    }
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_rotated_key_is_fetched_and_unknown_keys_cause_one_fetch_in_30_seconds() {
    let (old, new, eve) = (Signer::ed25519(), Signer::ed25519(), Signer::ed25519());
    let issuer = Issuer::new(Some(vec![old.jwk("old")]));
    let access = Access::new(rule(false, false, Some("*")), issuer.fetch(), issuer.failures());
    assert!(bearer(&access, issuer.now(0), &old.token("old", &claims("ann"))).await.is_ok());
    *issuer.keys.lock().unwrap() = Some(vec![new.jwk("new")]);
    assert!(bearer(&access, issuer.now(1), &new.token("new", &claims("ann"))).await.is_ok());
    for later in 2..30 {
        let unknown = eve.token(&format!("kid-{later}"), &claims("ann"));
        assert_eq!(rejected(bearer(&access, issuer.now(later), &unknown).await).0, 401);
    }
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 2);
    let outcome = bearer(&access, issuer.now(31), &old.token("old", &claims("ann"))).await;
    assert_eq!(rejected(outcome).0, 401, "a revoked key");
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_unreachable_issuer_is_a_502_for_tokens_and_does_not_affect_keys() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(false, true, Some("*")), issuer.fetch(), issuer.failures());
    let token = Signer::ed25519().token("a", &claims("ann"));
    let (status, code, _) = rejected(bearer(&access, issuer.now(0), &token).await);
    assert_eq!((status, code), (502, "jwks_unavailable"));
    assert!(bearer(&access, issuer.now(0), KEY).await.is_ok());
}

#[tokio::test]
async fn open_access_accepts_everyone_and_still_identifies_keys() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(true, true, Some("sub:ann")), issuer.fetch(), issuer.failures());
    let now = issuer.now(0);
    let anonymous = ("anonymous".to_owned(), CallerKind::Anonymous);
    assert_eq!(admitted(authenticate(&access, now, &[]).await), anonymous);
    assert_eq!(admitted(bearer(&access, now, "anything").await), anonymous);
    assert_eq!(admitted(authenticate(&access, now, &[("authorization", "Basic YTpi")]).await), anonymous);
    let token = Signer::ed25519().token("a", &claims("ann"));
    assert_eq!(admitted(bearer(&access, now, &token).await), anonymous, "its issuer is unreachable");
    assert_eq!(admitted(bearer(&access, now, KEY).await).1, CallerKind::Key);
}

#[test]
fn callers_are_counted_by_key_subject_or_address() {
    let client: IpAddr = "2001:db8::1".parse().unwrap();
    let caller = |kind| Caller { label: "ann".to_owned(), kind, payer: Payer::Operator };
    assert_eq!(caller(CallerKind::Key).bucket(client), Bucket::Key("ann"));
    assert_eq!(caller(CallerKind::Token).bucket(client), Bucket::Subject("ann"));
    assert_eq!(caller(CallerKind::HubToken).bucket(client), Bucket::Key("ann"));
    for kind in [CallerKind::Anonymous, CallerKind::UnknownHubToken] {
        assert_eq!(caller(kind).bucket(client), Bucket::address(client));
    }
}

#[tokio::test]
async fn an_address_with_many_failures_must_wait_unless_it_has_a_key() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(false, true, None), issuer.fetch(), issuer.failures());
    for attempt in 0..60 {
        let error = bearer(&access, issuer.now(0), "wrong").await.unwrap_err();
        assert_eq!(error.status.as_u16(), 401, "{attempt}");
    }
    let error = bearer(&access, issuer.now(0), "wrong").await.unwrap_err();
    assert_eq!((error.status.as_u16(), error.code), (429, "too_many_failures"));
    assert_eq!(error.headers[0].1, "1");
    assert!(bearer(&access, issuer.now(0), KEY).await.is_ok(), "a known key");
    assert_eq!(bearer(&access, issuer.now(2), "wrong").await.unwrap_err().status.as_u16(), 401, "later");
    let none = authenticate(&access, issuer.now(0), &[]).await.unwrap_err();
    assert_eq!(none.status.as_u16(), 401, "no credential is no failure");
}

const OWN: &str = "hf_0123456789abcdefghij";

/// The caller's token of a request that it pays for.
fn paying(caller: &Caller) -> PayerToken {
    caller.payer.token(&HeaderMap::new()).unwrap().expect("the caller pays")
}

#[tokio::test]
async fn an_own_token_counts_against_the_address_until_hugging_face_has_accepted_it() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(false, true, None), issuer.fetch(), issuer.failures());
    let access = access.paid_by_callers(None, true);
    let (now, later) = (issuer.now(0), issuer.now(299));
    let first = bearer(&access, now, OWN).await.unwrap();
    assert_eq!((first.kind, paying(&first).text()), (CallerKind::UnknownHubToken, OWN));
    assert!(first.label.starts_with("hf:") && !first.label.contains("0123456789"), "{}", first.label);
    assert!(!format!("{first:?}").contains(OWN), "{first:?}");
    paying(&first).accept(now.instant);
    let known = bearer(&access, later, OWN).await.unwrap();
    assert_eq!((known.kind, known.label), (CallerKind::HubToken, first.label));
    let other = bearer(&access, later, &OWN.replace('j', "k")).await.unwrap();
    assert_eq!(other.kind, CallerKind::UnknownHubToken);
    assert_eq!(bearer(&access, issuer.now(300), OWN).await.unwrap().kind, CallerKind::UnknownHubToken);
    for text in ["hf-0123456789abcdefghij", "sk_0123456789abcdefghij", &format!("hf_{}", "x".repeat(512))] {
        assert_eq!(rejected(bearer(&access, issuer.now(300), text).await).0, 401, "{text}");
    }
    assert_eq!(bearer(&access, issuer.now(300), KEY).await.unwrap().kind, CallerKind::Key);
}

#[tokio::test]
async fn many_unknown_tokens_of_one_address_must_wait_and_an_accepted_one_does_not() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(false, false, None), issuer.fetch(), issuer.failures());
    let access = access.paid_by_callers(None, true);
    let now = issuer.now(0);
    paying(&bearer(&access, now, OWN).await.unwrap()).accept(now.instant);
    for attempt in 1..60 {
        let outcome = bearer(&access, now, &format!("hf_guess_{attempt}")).await;
        assert_eq!(outcome.unwrap().kind, CallerKind::UnknownHubToken, "{attempt}");
    }
    assert_eq!(rejected(bearer(&access, now, "hf_guess_60").await).0, 429);
    let known = bearer(&access, now, OWN).await.unwrap();
    assert_eq!(known.kind, CallerKind::HubToken);
    // A 401 of Hugging Face takes that away, and counts.
    let mut error = Error::new(StatusCode::UNAUTHORIZED, "upstream_unauthorized", "x");
    let later = issuer.now(1);
    paying(&known).explain(&mut error, later.instant);
    assert_eq!(error.code, "payer_unauthorized");
    assert_eq!(rejected(bearer(&access, later, OWN).await).0, 429);
}

#[tokio::test]
async fn the_holder_of_a_token_pays_with_what_is_sealed_in_it() {
    const SECRET: &str = "q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA=";
    let signer = Signer::ed25519();
    let issuer = Issuer::new(Some(vec![signer.jwk("a")]));
    let access = Access::new(rule(false, false, Some("*")), issuer.fetch(), issuer.failures());
    let access = access.paid_by_callers(GatewaySecret::parse(SECRET), false);
    let now = issuer.now(0);
    let sealed = |secret: &str, sub: &str, id: u8| {
        let mut claims = claims(sub).as_object().unwrap().clone();
        GatewaySecret::parse(secret).unwrap().seal(&mut claims, "hf_oauth_ann", [id; 16], [2; 16]);
        claims
    };
    let pays = async |claims: &Map<String, Value>| {
        let caller = bearer(&access, now, &signer.token("a", &json!(claims))).await.unwrap();
        let token = caller.payer.token(&HeaderMap::new()).map(|token| token.unwrap().text().to_owned());
        token.map_err(|error| (error.status.as_u16(), error.code, error.cause.clone().unwrap()))
    };
    let ann = sealed(SECRET, "ann", 1);
    assert_eq!(pays(&ann).await.as_deref(), Ok("hf_oauth_ann"));
    let with = |name: &str, value: Value| {
        let mut changed = ann.clone();
        changed.insert(name.to_owned(), value);
        changed
    };
    for replayed in [
        with("sub", json!("bob")),
        with("jti", json!("other")),
        with("exp", json!(NOW + 900)),
        with("payer", sealed(SECRET, "ann", 3)["payer"].clone()),
        with("payer", json!("")),
        sealed(&SECRET.replace('q', "Q"), "ann", 1),
    ] {
        let (status, code, cause) = pays(&replayed).await.unwrap_err();
        assert_eq!((status, code), (403, "payer_required"), "{replayed:?}");
        assert!(cause.contains("GATEWAY_SECRET must be the same"), "{cause}");
    }
    let (status, code, cause) = pays(claims("ann").as_object().unwrap()).await.unwrap_err();
    assert_eq!((status, code, &*cause), (403, "payer_required", "the token has no sealed access token"));
}
