//! Decisions, from the headers of a request to its caller or refusal.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use space_kit::{Bytes, HeaderMap};

use super::*;
use space_kit::jwt::testing::Signer;

const KEY: &str = "sk-0123456789abcdefghij";
const NOW: u64 = 1_800_000_000;

/// An issuer whose keys can be exchanged, and that counts how often they are fetched.
struct Issuer {
    keys: Arc<Mutex<Option<Vec<Value>>>>,
    fetches: Arc<AtomicUsize>,
    start: Instant,
}

impl Issuer {
    fn new(keys: Option<Vec<Value>>) -> Issuer {
        Issuer { keys: Arc::new(Mutex::new(keys)), fetches: Arc::default(), start: Instant::now() }
    }

    fn fetch(&self) -> Fetch {
        let (keys, fetches) = (self.keys.clone(), self.fetches.clone());
        Box::new(move |_| {
            fetches.fetch_add(1, Ordering::SeqCst);
            let set = keys.lock().unwrap().as_ref().map(|keys| json!({"keys": keys}).to_string());
            Box::pin(
                async move { set.map(|set| (Bytes::from(set), None)).ok_or_else(|| "refused".to_owned()) },
            )
        })
    }

    fn now(&self, later: u64) -> Now {
        Now { at: self.start + Duration::from_secs(later), unix: NOW + later }
    }
}

fn rule(open: bool, keys: bool, allow: Option<&str>) -> Rule {
    Rule::Ways {
        open,
        keys: keys.then(|| Keys::parse(&format!("ann:{KEY}")).unwrap()),
        tokens: allow.map(|allow| TokenRule {
            expected: Expected { issuer: "https://id.example".to_owned(), audience: "us".to_owned() },
            origin: Location::Address("https://id.example/jwks".to_owned()),
            allow: Allow::parse(allow).unwrap(),
        }),
    }
}

fn claims(sub: &str) -> Value {
    json!({"iss": "https://id.example", "aud": "us", "sub": sub, "iat": NOW, "exp": NOW + 600})
}

async fn decide(access: &Access, now: Now, list: &[(&'static str, &str)]) -> Decision {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    access.decide(&Credentials::of(&headers), now).await
}

async fn bearer(access: &Access, now: Now, credential: &str) -> Decision {
    decide(access, now, &[("authorization", &format!("Bearer {credential}"))]).await
}

fn told(decision: Decision) -> (u16, &'static str, String) {
    let error = decision.unwrap_err();
    (error.status.as_u16(), error.code, error.message.to_string())
}

fn passed(decision: Decision) -> (String, Kind) {
    let caller = decision.unwrap();
    (caller.label, caller.kind)
}

#[tokio::test]
async fn until_the_operator_decides_everybody_is_told_the_three_choices() {
    let issuer = Issuer::new(None);
    let access = Access::new(Rule::Undecided, issuer.fetch());
    assert!(!access.is_decided());
    let (status, code, message) = told(bearer(&access, issuer.now(0), KEY).await);
    assert_eq!((status, code), (401, "access_not_configured"));
    for named in ["ACCESS=open", "API_KEYS", "JWT_ISSUER, JWT_AUDIENCE and JWT_ALLOW", "only the demo model"]
    {
        assert!(message.contains(named), "{message}");
    }
}

#[tokio::test]
async fn a_key_opens_in_either_header() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(false, true, None), issuer.fetch());
    let now = issuer.now(0);
    assert!(access.is_decided());
    let ann = ("ann".to_owned(), Kind::Key);
    assert_eq!(passed(bearer(&access, now, KEY).await), ann);
    assert_eq!(passed(decide(&access, now, &[("x-api-key", KEY)]).await), ann);
    let both = [("x-api-key", KEY), ("authorization", "Bearer hf_token_of_a_private_space")];
    assert_eq!(passed(decide(&access, now, &both).await), ann);
    let swapped = [("x-api-key", "hf_token"), ("authorization", &format!("Bearer {KEY}"))];
    assert_eq!(passed(decide(&access, now, &swapped).await), ann);
}

#[tokio::test]
async fn each_refusal_has_its_own_words_and_repeats_nothing() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(false, true, None), issuer.fetch());
    for (list, words) in [
        (&[][..], "no credentials were sent"),
        (&[("authorization", "Basic secret")], "does not begin with Bearer"),
        (&[("authorization", "Bearer")], "empty or not visible ASCII"),
        (&[("authorization", "Bearer secret"), ("authorization", "Bearer secret")], "more than once"),
        (&[("authorization", "Bearer secret")], "this key is not known"),
        (&[("authorization", "Bearer a.secret.c")], "this key is not known"),
        (&[("x-api-key", "secret")], "this key is not known"),
    ] {
        let error = decide(&access, issuer.now(0), list).await.unwrap_err();
        assert_eq!((error.status.as_u16(), error.code), (401, "invalid_api_key"));
        assert!(error.message.contains(words), "{list:?}: {}", error.message);
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        assert_eq!(error.headers, [(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))]);
    }
}

#[tokio::test]
async fn a_token_opens_for_those_whom_the_rule_names() {
    let signer = Signer::ed25519();
    let issuer = Issuer::new(Some(vec![signer.jwk("a")]));
    let access = Access::new(rule(false, true, Some("sub:ann")), issuer.fetch());
    let now = issuer.now(0);
    let outcome = bearer(&access, now, &signer.token("a", &claims("ann"))).await;
    assert_eq!(passed(outcome), ("ann".to_owned(), Kind::Token));
    assert_eq!(passed(bearer(&access, now, KEY).await).1, Kind::Key, "keys are still keys");
    let error = bearer(&access, now, &signer.token("a", &claims("bob"))).await.unwrap_err();
    assert_eq!((error.status.as_u16(), error.code), (403, "access_denied"));
    assert_eq!(error.cause.as_deref(), Some("JWT_ALLOW does not name sub:bob"));
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refused_token_is_told_why() {
    let signer = Signer::p256();
    let issuer = Issuer::new(Some(vec![signer.jwk("a")]));
    let access = Access::new(rule(false, false, Some("*")), issuer.fetch());
    let token = signer.token("a", &claims("ann"));
    let error = bearer(&access, issuer.now(660), &token).await.unwrap_err();
    assert_eq!(error.message, "the token is refused: it has expired (exp)");
    let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    assert_eq!(error.headers, [(WWW_AUTHENTICATE, challenge)]);
    let (status, _, message) = told(bearer(&access, issuer.now(0), "a.b.c").await);
    assert_eq!((status, message.contains("three base64url parts")), (401, true));
    let (status, _, message) = told(bearer(&access, issuer.now(0), "hf_opaque").await);
    assert_eq!((status, message.contains("neither a known key nor a token")), (401, true));
}

#[tokio::test]
async fn what_is_no_token_fetches_no_keys() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(false, false, Some("*")), issuer.fetch());
    for text in ["key", "a.b", "a.b.c", "a.b.c.d", "..", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(told(bearer(&access, issuer.now(0), text).await).0, 401, "{text}");
    }
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_rotated_key_is_fetched_and_strangers_cause_one_fetch_in_30_seconds() {
    let (old, new, eve) = (Signer::ed25519(), Signer::ed25519(), Signer::ed25519());
    let issuer = Issuer::new(Some(vec![old.jwk("old")]));
    let access = Access::new(rule(false, false, Some("*")), issuer.fetch());
    assert!(bearer(&access, issuer.now(0), &old.token("old", &claims("ann"))).await.is_ok());
    *issuer.keys.lock().unwrap() = Some(vec![new.jwk("new")]);
    assert!(bearer(&access, issuer.now(1), &new.token("new", &claims("ann"))).await.is_ok());
    for later in 2..30 {
        let stranger = eve.token(&format!("kid-{later}"), &claims("ann"));
        assert_eq!(told(bearer(&access, issuer.now(later), &stranger).await).0, 401);
    }
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 2);
    let outcome = bearer(&access, issuer.now(31), &old.token("old", &claims("ann"))).await;
    assert_eq!(told(outcome).0, 401, "a key that was taken back");
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn an_issuer_out_of_reach_is_a_502_for_tokens_and_nothing_to_keys() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(false, true, Some("*")), issuer.fetch());
    let token = Signer::ed25519().token("a", &claims("ann"));
    let (status, code, _) = told(bearer(&access, issuer.now(0), &token).await);
    assert_eq!((status, code), (502, "jwks_unavailable"));
    assert!(bearer(&access, issuer.now(0), KEY).await.is_ok());
}

#[tokio::test]
async fn open_lets_everybody_pass_and_knows_those_with_a_key() {
    let issuer = Issuer::new(None);
    let access = Access::new(rule(true, true, Some("sub:ann")), issuer.fetch());
    let now = issuer.now(0);
    let anonymous = ("anonymous".to_owned(), Kind::Anonymous);
    assert_eq!(passed(decide(&access, now, &[]).await), anonymous);
    assert_eq!(passed(bearer(&access, now, "anything").await), anonymous);
    assert_eq!(passed(decide(&access, now, &[("authorization", "Basic YTpi")]).await), anonymous);
    let token = Signer::ed25519().token("a", &claims("ann"));
    assert_eq!(passed(bearer(&access, now, &token).await), anonymous, "its issuer is out of reach");
    assert_eq!(passed(bearer(&access, now, KEY).await).1, Kind::Key);
}

#[test]
fn callers_are_counted_by_key_subject_or_address() {
    let client: IpAddr = "2001:db8::1".parse().unwrap();
    let caller = |kind| Caller { label: "ann".to_owned(), kind };
    assert_eq!(caller(Kind::Key).bucket(client), Bucket::Key("ann"));
    assert_eq!(caller(Kind::Token).bucket(client), Bucket::Subject("ann"));
    assert_eq!(caller(Kind::Anonymous).bucket(client), Bucket::address(client));
}
