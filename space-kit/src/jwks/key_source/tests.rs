//! Fetches are shared, paced and bounded, and a token of a new key is verified.

use super::*;
use crate::jwks::{DiscoveryError, Document, FetchError};
use crate::jwt::testing::Signer;
use bytes::Bytes;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// A source over a fetch that counts its calls, waits for a permit and then returns what `answer` creates.
struct Bench {
    source: Arc<KeySource>,
    calls: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
    start: Instant,
}

fn bench(
    origin: Location,
    answer: impl Fn(usize, &str) -> Result<Document, FetchError> + Send + Sync + 'static,
) -> Bench {
    let (calls, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (counter, wait, answer) = (calls.clone(), gate.clone(), Arc::new(answer));
    let fetch: FetchDocument = Box::new(move |url| {
        let call = counter.fetch_add(1, Ordering::SeqCst);
        let (wait, answer) = (wait.clone(), answer.clone());
        Box::pin(async move {
            wait.acquire().await.unwrap().forget();
            answer(call, &url)
        })
    });
    Bench { source: Arc::new(KeySource::new(origin, fetch)), calls, gate, start: Instant::now() }
}

fn at_address() -> Location {
    Location::Address("https://id.example/jwks".to_owned())
}

fn document(text: &'static str) -> Result<Document, FetchError> {
    Ok(Document { bytes: Bytes::from_static(text.as_bytes()), max_age: None })
}

fn keys() -> Result<Document, FetchError> {
    document(r#"{"keys":[]}"#)
}

fn refused() -> FetchError {
    FetchError::Other("connection refused".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_hundred_requests_share_one_fetch() {
    let bench = bench(at_address(), |_, _| keys());
    let waiting: Vec<_> = (0..100)
        .map(|_| {
            let (source, now) = (bench.source.clone(), bench.start);
            tokio::spawn(async move { source.keys(now).await.is_ok() })
        })
        .collect();
    tokio::task::yield_now().await;
    bench.gate.add_permits(1);
    for one in waiting {
        assert!(one.await.unwrap());
    }
    assert_eq!(bench.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_does_not_cancel_the_fetch() {
    let bench = bench(at_address(), |_, _| keys());
    let (source, now) = (bench.source.clone(), bench.start);
    let gone = tokio::spawn(async move { source.keys(now).await });
    tokio::task::yield_now().await;
    gone.abort();
    bench.gate.add_permits(1);
    assert!(bench.source.keys(bench.start).await.is_ok());
    assert_eq!(bench.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn without_cached_keys_an_unreachable_issuer_is_an_error_with_the_time_to_retry() {
    let bench = bench(at_address(), |_, _| Err(refused()));
    bench.gate.add_permits(9);
    for _ in 0..3 {
        let error = bench.source.keys(bench.start).await.unwrap_err();
        let retry_after = Duration::from_secs(5);
        assert_eq!(error, IssuerError { retry_after, cause: LoadError::Fetch(refused()) });
    }
    assert_eq!(bench.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_never_ends_is_aborted() {
    let bench = bench(at_address(), |_, _| keys());
    let error = bench.source.keys(bench.start).await.unwrap_err();
    assert_eq!(error.cause, LoadError::Timeout(LIMIT));
    let later = bench.start + LIMIT + Duration::from_secs(29);
    let waited = tokio::time::Instant::now();
    assert!(bench.source.keys(later).await.is_err() && waited.elapsed().is_zero(), "nobody waits again");
}

#[tokio::test]
async fn a_fetch_that_panics_ends_the_wait() {
    let bench = bench(at_address(), |call, _| if call == 0 { panic!("on purpose") } else { keys() });
    bench.gate.add_permits(9);
    let error = bench.source.keys(bench.start).await.unwrap_err();
    assert_eq!(error.cause, LoadError::Aborted);
    assert!(bench.source.keys(bench.start + Duration::from_secs(5)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_stale_set_is_used_only_if_the_refresh_fails_and_then_without_waiting() {
    let bench = bench(at_address(), |call, _| if call == 0 { keys() } else { Err(refused()) });
    bench.gate.add_permits(2);
    let first = bench.source.keys(bench.start).await.unwrap();
    let later = bench.start + Duration::from_secs(301);
    assert!(Arc::ptr_eq(&first, &bench.source.keys(later).await.unwrap()));
    assert_eq!(bench.calls.load(Ordering::SeqCst), 2, "a refresh came first");
    let next = later + Duration::from_secs(40);
    assert!(Arc::ptr_eq(&first, &bench.source.keys(next).await.unwrap()), "without a permit: nobody waits");
    tokio::task::yield_now().await;
    assert_eq!(bench.calls.load(Ordering::SeqCst), 3, "in the background");
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_is_rejected_once_its_set_has_ended_and_a_replaced_one_at_once() {
    let (old, new) = (Signer::ed25519(), Signer::ed25519());
    // The new key has the same kid.
    let sets = [&old, &new].map(|signer| json!({"keys": [signer.jwk("a")]}).to_string());
    let bench = bench(at_address(), move |call, _| {
        Ok(Document { bytes: Bytes::from(sets[call.min(1)].clone()), max_age: None })
    });
    bench.gate.add_permits(9);
    let verify = async |signer: &Signer, seconds: u64| {
        let token = signer.token("a", &json!({"sub": "ann"}));
        let now = bench.start + Duration::from_secs(seconds);
        bench.source.verify(&Token::parse(&token).unwrap(), now).await.map(drop)
    };
    let wrong = Err(VerifyError::Token(TokenError::Signature));
    assert_eq!(verify(&old, 0).await, Ok(()));
    assert_eq!(verify(&new, 1).await, Ok(()), "fetched again for a wrong signature");
    assert_eq!(verify(&old, 2).await, wrong);
    assert_eq!(bench.calls.load(Ordering::SeqCst), 2, "no further fetch within the cooldown");
    assert_eq!(verify(&old, 400).await, wrong);
    assert_eq!(bench.calls.load(Ordering::SeqCst), 4, "one because the set ended, one for the signature");
}

#[tokio::test(start_paused = true)]
async fn a_key_fetch_that_hangs_expires_the_metadata() {
    let (seen, start) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
    let log = seen.clone();
    let fetch: FetchDocument = Box::new(move |url| {
        log.lock().unwrap().push(url.clone());
        Box::pin(async move {
            if url == "https://keys.example" {
                std::future::pending::<()>().await;
            }
            document(r#"{"issuer":"https://id.example","jwks_uri":"https://keys.example"}"#)
        })
    });
    let source = KeySource::new(Location::Issuer("https://id.example".to_owned()), fetch);
    for at in [0, 100] {
        let error = source.keys(start + Duration::from_secs(at)).await.unwrap_err();
        assert_eq!(error.cause, LoadError::Timeout(LIMIT));
    }
    assert_eq!(seen.lock().unwrap().len(), 4, "the metadata were fetched again: {seen:?}");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_causes_one_shared_fetch_and_then_a_cooldown() {
    let bench = bench(at_address(), |_, _| keys());
    bench.gate.add_permits(9);
    let old = bench.source.keys(bench.start).await.unwrap();
    let newer = bench.source.keys_after(&old, bench.start).await.unwrap();
    assert!(!Arc::ptr_eq(&old, &newer));
    for _ in 0..100 {
        let same = bench.source.keys_after(&newer, bench.start + Duration::from_secs(29)).await.unwrap();
        assert!(Arc::ptr_eq(&newer, &same));
    }
    assert_eq!(bench.calls.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn discovery_finds_the_keys_or_reports_why_not() {
    let found = bench(Location::Issuer("https://id.example".to_owned()), |_, url| match url {
        "https://id.example/.well-known/openid-configuration" => {
            document(r#"{"issuer":"https://id.example","jwks_uri":"https://keys.example"}"#)
        }
        "https://keys.example" => keys(),
        other => panic!("{other}"),
    });
    found.gate.add_permits(9);
    assert!(found.source.keys(found.start).await.is_ok());
    let other = bench(Location::Issuer("https://id.example".to_owned()), |_, _| {
        document(r#"{"issuer":"https://evil.example","jwks_uri":"https://k"}"#)
    });
    other.gate.add_permits(9);
    let error = other.source.keys(other.start).await.unwrap_err();
    let named = "https://evil.example".to_owned();
    assert_eq!(error.cause, LoadError::Discovery(DiscoveryError::OtherIssuer(named)));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_new_key_is_verified_after_one_fetch_more() {
    let (old, new) = (Signer::ed25519(), Signer::ed25519());
    let sets = [json!({"keys": [old.jwk("a")]}), json!({"keys": [new.jwk("b")]})].map(|set| set.to_string());
    let bench = bench(at_address(), move |call, _| {
        Ok(Document { bytes: Bytes::from(sets[call.min(1)].clone()), max_age: None })
    });
    bench.gate.add_permits(9);
    let verify = async |signer: &Signer, kid: &str| {
        let token = signer.token(kid, &json!({"sub": "ann"}));
        bench.source.verify(&Token::parse(&token).unwrap(), bench.start).await.map(drop)
    };
    assert_eq!(verify(&old, "a").await, Ok(()));
    assert_eq!(verify(&new, "b").await, Ok(()));
    assert_eq!(bench.calls.load(Ordering::SeqCst), 2);
    assert_eq!(verify(&old, "c").await, Err(VerifyError::Token(TokenError::NoKey)));
    assert_eq!(bench.calls.load(Ordering::SeqCst), 2, "no further fetch within the cooldown");
}

#[tokio::test(start_paused = true)]
async fn the_first_sign_in_fetches_the_metadata_once() {
    let (seen, urls) = (Arc::new(Mutex::new(Vec::new())), |url: &str| match url {
        "https://keys.example" => keys(),
        _ => document(r#"{"issuer":"https://id.example","jwks_uri":"https://keys.example"}"#),
    });
    let log = seen.clone();
    let fetch: FetchDocument = Box::new(move |url| {
        log.lock().unwrap().push(url.clone());
        Box::pin(async move { urls(&url) })
    });
    let discovery = Discovery::new("https://id.example".to_owned(), fetch, |_| Ok(()));
    let (source, now) = (KeySource::discovered(discovery.clone()), Instant::now());
    assert!(discovery.metadata(now).await.is_ok());
    let later = now + Duration::from_secs(600);
    assert!(discovery.metadata(later).await.is_ok() && source.keys(later).await.is_ok());
    assert_eq!(seen.lock().unwrap().len(), 2, "{seen:?}");
}
