//! Gets an issuer's keys, once for all who wait for them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::header::{HeaderValue, RETRY_AFTER};
use crate::{Bytes, Error, StatusCode, task};
use tokio::sync::watch;
use tokio::time::timeout;

use super::cache::{Cache, Need, Step};
use super::{KeySet, discovery};

/// What a fetch gave: a document and how long it may be kept, or what went wrong, for the log.
pub type Fetched = Result<(Bytes, Option<Duration>), String>;

/// Gets the document at an address: only a 200 counts, redirects are not followed, and no more than
/// [`super::MAX_DOCUMENT`] bytes are read.
pub type Fetch = Box<dyn Fn(String) -> Pin<Box<dyn Future<Output = Fetched> + Send>> + Send + Sync>;

/// Time for metadata and keys together.
const LIMIT: Duration = Duration::from_secs(10);

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Where the issuer's metadata say.
    Issuer(String),
    /// At this address.
    Address(String),
}

/// The keys of an issuer, fetched when they are first needed.
pub struct Source(Arc<Shared>);

struct Shared {
    origin: Location,
    fetch: Fetch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    cache: Cache,
    /// Closed once the fetch is over, however it ends.
    flight: Option<watch::Receiver<()>>,
    /// Why the last fetch failed.
    cause: Option<String>,
}

impl Source {
    /// The keys found at `origin`. Nothing is fetched yet.
    pub fn new(origin: Location, fetch: Fetch) -> Source {
        Source(Arc::new(Shared { origin, fetch, state: Mutex::default() }))
    }

    /// The set to use. It waits only if there is none, at most for one fetch.
    pub async fn keys(&self, now: Instant) -> Result<Arc<KeySet>, Error> {
        self.get(now, Need::Any).await
    }

    /// A set to use after `old` had no key for a token: a newer one if there is any, else `old` again.
    pub async fn keys_after(&self, old: &Arc<KeySet>, now: Instant) -> Result<Arc<KeySet>, Error> {
        self.get(now, Need::NewerThan(old)).await
    }

    async fn get(&self, now: Instant, need: Need<'_>) -> Result<Arc<KeySet>, Error> {
        let mut flight = {
            let mut state = self.0.lock();
            let flight = state.flight.clone().filter(|flight| flight.has_changed().is_ok());
            match (state.cache.step(now, need, flight.is_some()), flight) {
                (Step::Use(keys), _) => return Ok(keys),
                (Step::UseAndFetch(keys), _) => {
                    _ = self.begin(&mut state, now, need);
                    return Ok(keys);
                }
                (Step::Unavailable(pause), _) => return Err(unavailable(pause, &state)),
                (Step::Wait, Some(flight)) => flight,
                (Step::Wait | Step::Fetch, _) => self.begin(&mut state, now, need),
            }
        };
        while flight.changed().await.is_ok() {}
        let state = self.0.lock();
        state.cache.settle(now).map_err(|pause| unavailable(pause, &state))
    }

    /// Begins a fetch as a task of its own: a client that goes away does not end it for the others.
    fn begin(&self, state: &mut State, now: Instant, need: Need<'_>) -> watch::Receiver<()> {
        let (over, flight) = watch::channel(());
        state.cache.begin(now, need);
        state.cause = Some("the last fetch did not end".to_owned());
        state.flight = Some(flight.clone());
        let shared = self.0.clone();
        task::spawn(async move {
            let begun = tokio::time::Instant::now();
            let outcome = timeout(LIMIT, shared.load()).await;
            let outcome = outcome.unwrap_or_else(|_| Err(format!("nothing came within {LIMIT:?}")));
            let mut state = shared.lock();
            match outcome {
                Ok((keys, max_age)) => {
                    state.cache.succeed(now, keys, max_age);
                    state.cause = None;
                }
                Err(cause) => {
                    state.cache.fail(now, now + begun.elapsed());
                    state.cause = Some(cause);
                }
            }
            drop(over);
        });
        flight
    }
}

impl Shared {
    async fn load(&self) -> Result<(KeySet, Option<Duration>), String> {
        let address = match &self.origin {
            Location::Address(address) => address.clone(),
            Location::Issuer(issuer) => {
                let (metadata, _) = (self.fetch)(discovery::metadata_url(issuer)).await?;
                discovery::endpoint(&discovery::metadata(&metadata, issuer)?, "jwks_uri")?
            }
        };
        let (document, max_age) = (self.fetch)(address).await?;
        Ok((KeySet::parse(&document)?, max_age))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.0.origin).finish()
    }
}

/// The refusal while there are no keys. It is not the client's fault, and passes.
fn unavailable(pause: Duration, state: &State) -> Error {
    let seconds = pause.as_secs_f64().ceil().clamp(1.0, 60.0) as u64;
    let message = "the token cannot be checked: its issuer's keys are out of reach; try again later";
    let error = Error::new(StatusCode::BAD_GATEWAY, "jwks_unavailable", message)
        .header(RETRY_AFTER, HeaderValue::from(seconds));
    match &state.cause {
        Some(cause) => error.cause(format_args!("JWKS: {cause}")),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    /// A source over a fetch that counts its calls, waits for a permit and then gives what `answer` makes.
    struct Bench {
        source: Arc<Source>,
        calls: Arc<AtomicUsize>,
        gate: Arc<Semaphore>,
        start: Instant,
    }

    fn bench(origin: Location, answer: impl Fn(usize, &str) -> Fetched + Send + Sync + 'static) -> Bench {
        let (calls, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let (counter, wait, answer) = (calls.clone(), gate.clone(), Arc::new(answer));
        let fetch: Fetch = Box::new(move |url| {
            let call = counter.fetch_add(1, Ordering::SeqCst);
            let (wait, answer) = (wait.clone(), answer.clone());
            Box::pin(async move {
                wait.acquire().await.unwrap().forget();
                answer(call, &url)
            })
        });
        Bench { source: Arc::new(Source::new(origin, fetch)), calls, gate, start: Instant::now() }
    }

    fn at_address() -> Location {
        Location::Address("https://id.example/jwks".to_owned())
    }

    fn keys() -> Fetched {
        Ok((Bytes::from_static(br#"{"keys":[]}"#), None))
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
    async fn a_client_that_goes_away_does_not_end_the_fetch() {
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
    async fn unreachable_with_nothing_cached_is_a_502_that_says_when_to_come_back() {
        let bench = bench(at_address(), |_, _| Err("connection refused".to_owned()));
        bench.gate.add_permits(9);
        for _ in 0..3 {
            let error = bench.source.keys(bench.start).await.unwrap_err();
            assert_eq!((error.status.as_u16(), error.code), (502, "jwks_unavailable"));
            assert_eq!(error.headers, [(RETRY_AFTER, HeaderValue::from_static("5"))]);
            assert_eq!(error.cause.as_deref(), Some("JWKS: connection refused"));
            assert!(!error.message.contains("refused"), "the cause is for the operator");
        }
        assert_eq!(bench.calls.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_never_ends_is_given_up() {
        let bench = bench(at_address(), |_, _| keys());
        let error = bench.source.keys(bench.start).await.unwrap_err();
        assert_eq!(error.cause.as_deref(), Some("JWKS: nothing came within 10s"));
        let later = bench.start + LIMIT + Duration::from_secs(29);
        let waited = tokio::time::Instant::now();
        assert!(bench.source.keys(later).await.is_err() && waited.elapsed().is_zero(), "nobody waits again");
    }

    #[tokio::test]
    async fn a_fetch_that_panics_leaves_nobody_waiting() {
        let bench = bench(at_address(), |call, _| if call == 0 { panic!("on purpose") } else { keys() });
        bench.gate.add_permits(9);
        let error = bench.source.keys(bench.start).await.unwrap_err();
        assert_eq!(error.cause.as_deref(), Some("JWKS: the last fetch did not end"));
        assert!(bench.source.keys(bench.start + Duration::from_secs(5)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stale_set_is_used_without_waiting_and_kept_when_the_refresh_fails() {
        let bench = bench(at_address(), |call, _| if call == 0 { keys() } else { Err("refused".to_owned()) });
        bench.gate.add_permits(1);
        let first = bench.source.keys(bench.start).await.unwrap();
        let later = bench.start + Duration::from_secs(301);
        assert!(Arc::ptr_eq(&first, &bench.source.keys(later).await.unwrap()));
        tokio::task::yield_now().await;
        assert_eq!(bench.calls.load(Ordering::SeqCst), 2, "a refresh is under way");
        bench.gate.add_permits(1);
        tokio::task::yield_now().await;
        assert!(Arc::ptr_eq(&first, &bench.source.keys(later).await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_kid_fetches_once_for_all_and_then_cools_down() {
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
    async fn discovery_leads_to_the_keys_or_says_why_not() {
        let found = bench(Location::Issuer("https://id.example".to_owned()), |_, url| match url {
            "https://id.example/.well-known/openid-configuration" => Ok((
                Bytes::from_static(br#"{"issuer":"https://id.example","jwks_uri":"https://keys.example"}"#),
                None,
            )),
            "https://keys.example" => keys(),
            other => panic!("{other}"),
        });
        found.gate.add_permits(9);
        assert!(found.source.keys(found.start).await.is_ok());
        let other = bench(Location::Issuer("https://id.example".to_owned()), |_, _| {
            Ok((Bytes::from_static(br#"{"issuer":"https://evil.example","jwks_uri":"https://k"}"#), None))
        });
        other.gate.add_permits(9);
        let error = other.source.keys(other.start).await.unwrap_err();
        assert!(error.into_reason().contains("another issuer"));
    }
}
