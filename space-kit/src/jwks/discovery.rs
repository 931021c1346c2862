//! Fetches an issuer's metadata once for all that need them: sign-ins, and the look-up of the issuer's keys.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, oneshot};

pub use super::metadata::{DiscoveryError, metadata_url};

use super::error::{FetchError, IssuerError, LoadError};
use super::fetch::{Document, FetchDocument};
use super::metadata::Metadata;
use crate::server::task;

/// How long metadata are used before they are fetched again.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// After a failed fetch, no other one begins for this time.
const PAUSE: Duration = Duration::from_secs(5);

/// What else the metadata must satisfy; see [`Discovery::new`].
type Check = fn(&Metadata) -> Result<(), DiscoveryError>;

/// The metadata of one issuer. Clones share them.
#[derive(Clone)]
pub struct Discovery(Arc<Shared>);

struct Shared {
    issuer: String,
    fetch: FetchDocument,
    check: Check,
    /// Locked during a fetch, so that there is one at a time.
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// Why the last fetch failed, and until when no other one begins.
    failed: Option<(LoadError, Instant)>,
}

struct Held {
    metadata: Arc<Metadata>,
    fresh_until: Instant,
}

impl Discovery {
    /// The metadata of `issuer`; nothing is fetched yet. `check` decides what else a usable document has, such as the
    /// endpoints that the service calls: a document that fails it counts as a failed fetch.
    pub fn new(issuer: String, fetch: FetchDocument, check: Check) -> Discovery {
        Discovery(Arc::new(Shared { issuer, fetch, check, state: Arc::default() }))
    }

    /// The metadata. Old ones are used while newer ones are not available.
    ///
    /// # Errors
    ///
    /// If none were ever fetched and the issuer does not provide usable ones now.
    pub async fn metadata(&self, now: Instant) -> Result<Arc<Metadata>, IssuerError> {
        let asked = tokio::time::Instant::now();
        let mut state = self.0.state.clone().lock_owned().await;
        if let Some(metadata) = state.fresh(now) {
            return Ok(metadata);
        }
        let held = state.held.as_ref().map(|held| held.metadata.clone());
        let failed = match state.failed.clone().filter(|(_, until)| now < *until) {
            Some((cause, _)) => cause,
            None => {
                // In a task, so that a client that disconnects does not cancel the fetch for the others.
                let (done, outcome) = oneshot::channel();
                let shared = self.0.clone();
                task::spawn(async move { _ = done.send(shared.load(&mut state, now, asked).await) });
                match outcome.await.unwrap_or(Err(LoadError::Aborted)) {
                    Ok(metadata) => return Ok(metadata),
                    Err(cause) => cause,
                }
            }
        };
        held.ok_or(IssuerError { retry_after: PAUSE, cause: failed })
    }

    /// Metadata to find the issuer's keys with: those that are fresh, unless `renew`, or new ones. The key cache paces
    /// its own attempts, so a failed fetch does not delay this one.
    pub(super) async fn for_keys(&self, now: Instant, renew: bool) -> Result<Arc<Metadata>, LoadError> {
        let asked = tokio::time::Instant::now();
        let mut state = self.0.state.lock().await;
        match state.fresh(now).filter(|_| !renew) {
            Some(metadata) => Ok(metadata),
            None => self.0.load(&mut state, now, asked).await,
        }
    }

    /// Fetches another document of the issuer.
    pub(super) async fn fetch(&self, address: String) -> Result<Document, FetchError> {
        (self.0.fetch)(address).await
    }

    /// Has the next user fetch the metadata again: the keys are not where these say. A fetch in progress does so anyway.
    pub(super) fn expire(&self, now: Instant) {
        if let Ok(mut state) = self.0.state.try_lock()
            && let Some(held) = &mut state.held
        {
            held.fresh_until = now;
        }
    }
}

impl State {
    fn fresh(&self, now: Instant) -> Option<Arc<Metadata>> {
        self.held.as_ref().filter(|held| now < held.fresh_until).map(|held| held.metadata.clone())
    }
}

impl Shared {
    /// Fetches the metadata for a caller that asked at `now`, which was at `asked` by tokio's clock.
    async fn load(
        &self,
        state: &mut State,
        now: Instant,
        asked: tokio::time::Instant,
    ) -> Result<Arc<Metadata>, LoadError> {
        match self.fetch().await {
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                let held = Held { metadata: metadata.clone(), fresh_until: now + FRESH };
                *state = State { held: Some(held), failed: None };
                Ok(metadata)
            }
            Err(cause) => {
                // From the end of the fetch on, so that callers that waited for it do not try one after the other.
                state.failed = Some((cause.clone(), now + asked.elapsed() + PAUSE));
                Err(cause)
            }
        }
    }

    async fn fetch(&self) -> Result<Metadata, LoadError> {
        let document = (self.fetch)(metadata_url(&self.issuer)).await?;
        let metadata = Metadata::parse(&document.bytes, &self.issuer)?;
        (self.check)(&metadata)?;
        Ok(metadata)
    }
}

impl fmt::Debug for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Discovery").field(&self.0.issuer).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const ISSUER: &str = "https://id.example";

    /// A discovery whose n-th fetch succeeds if `works`, and the count of fetches.
    fn discovery(works: fn(usize) -> bool) -> (Discovery, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        let fetch: FetchDocument = Box::new(move |_| {
            let call = counter.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::task::yield_now().await;
                if works(call) {
                    let text =
                        r#"{"issuer":"https://id.example","token_endpoint":"https://id.example/token"}"#;
                    Ok(Document { bytes: Bytes::from_static(text.as_bytes()), max_age: None })
                } else {
                    Err(FetchError::Other("refused".to_owned()))
                }
            })
        });
        (Discovery::new(ISSUER.to_owned(), fetch, |_| Ok(())), count)
    }

    #[tokio::test]
    async fn metadata_are_fetched_once_for_all_and_again_after_an_hour() {
        let ((discovery, count), start) = (discovery(|_| true), Instant::now());
        let (one, two) = tokio::join!(discovery.metadata(start), discovery.metadata(start));
        assert!(one.is_ok() && two.is_ok());
        assert!(discovery.for_keys(start, false).await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(discovery.metadata(start + FRESH).await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn after_a_failure_no_fetch_begins_for_five_seconds() {
        let ((discovery, count), start) = (discovery(|call| call > 0), Instant::now());
        for _ in 0..3 {
            let error = discovery.metadata(start).await.unwrap_err();
            assert_eq!(error.retry_after, PAUSE);
            assert_eq!(error.cause, LoadError::Fetch(FetchError::Other("refused".to_owned())));
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(discovery.metadata(start + 2 * PAUSE).await.is_ok());
    }

    #[tokio::test]
    async fn old_metadata_are_used_while_newer_ones_are_not_available() {
        let ((discovery, _), start) = (discovery(|call| call == 0), Instant::now());
        assert!(discovery.metadata(start).await.is_ok());
        assert!(discovery.metadata(start + FRESH).await.is_ok());
    }

    #[tokio::test]
    async fn expired_metadata_are_fetched_again() {
        let ((discovery, count), start) = (discovery(|_| true), Instant::now());
        assert!(discovery.metadata(start).await.is_ok());
        discovery.expire(start);
        assert!(discovery.for_keys(start, false).await.is_ok());
        assert!(discovery.for_keys(start, true).await.is_ok(), "renewed");
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_disconnect_does_not_cancel_the_fetch() {
        let ((discovery, count), start) = (discovery(|_| true), Instant::now());
        let (other, gone) = (discovery.clone(), discovery.clone());
        let gone = tokio::spawn(async move { gone.metadata(start).await });
        while count.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        gone.abort();
        assert!(other.metadata(start).await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_document_that_fails_the_check_counts_as_a_failed_fetch() {
        let fetch: FetchDocument = Box::new(|_| {
            let bytes = Bytes::from_static(br#"{"issuer":"https://id.example"}"#);
            Box::pin(async move { Ok(Document { bytes, max_age: None }) })
        });
        let check: Check = |metadata| metadata.endpoint("token_endpoint").map(drop);
        let error =
            Discovery::new(ISSUER.to_owned(), fetch, check).metadata(Instant::now()).await.unwrap_err();
        assert_eq!(error.cause, LoadError::Discovery(DiscoveryError::NoEndpoint("token_endpoint")));
    }
}
