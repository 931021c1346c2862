//! Fetches an issuer's keys once for all requests that wait for them, and verifies tokens with them.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use super::cache::{Cache, Need, Step};
use super::discovery::Discovery;
use super::error::{IssuerError, LoadError, VerifyError};
use super::fetch::FetchDocument;
use crate::jwt::{KeySet, Token, TokenError, Verified};
use crate::server::task;

/// Time for metadata and keys together.
const LIMIT: Duration = Duration::from_secs(10);

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// At the `jwks_uri` in the metadata of this issuer.
    Issuer(String),
    /// At this address.
    Address(String),
}

/// The keys of an issuer, fetched when they are first needed.
pub struct KeySource(Arc<Shared>);

struct Shared {
    origin: KeyOrigin,
    state: Mutex<State>,
}

/// Where the keys come from, and how they are fetched.
enum KeyOrigin {
    Discovery(Discovery),
    Address(String, FetchDocument),
}

#[derive(Default)]
struct State {
    cache: Cache,
    /// Closed once the fetch is over, however it ends.
    flight: Option<watch::Receiver<()>>,
    /// Why the last fetch failed.
    cause: Option<LoadError>,
}

impl KeySource {
    /// The keys at `location`. Nothing is fetched yet.
    pub fn new(location: Location, fetch: FetchDocument) -> KeySource {
        match location {
            Location::Issuer(issuer) => KeySource::discovered(Discovery::new(issuer, fetch, |_| Ok(()))),
            Location::Address(address) => KeySource::from(KeyOrigin::Address(address, fetch)),
        }
    }

    /// The keys of an issuer whose metadata the service needs too, so that they are fetched once for both.
    pub fn discovered(discovery: Discovery) -> KeySource {
        KeySource::from(KeyOrigin::Discovery(discovery))
    }

    fn from(origin: KeyOrigin) -> KeySource {
        KeySource(Arc::new(Shared { origin, state: Mutex::default() }))
    }

    /// Verifies a token's signature. If the set has no key for the token, or one that did not sign it, the issuer may have
    /// a new one: the set is fetched again, once, and the token verified again.
    ///
    /// # Errors
    ///
    /// If the token is rejected, or the issuer's keys are not available.
    pub async fn verify<'t>(&self, token: &'t Token<'_>, now: Instant) -> Result<Verified<'t>, VerifyError> {
        let keys = self.keys(now).await?;
        match token.verify(&keys) {
            Err(TokenError::NoKey | TokenError::Signature) => {
                let newer = self.keys_after(&keys, now).await?;
                Ok(token.verify(&newer)?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// The set to use. Waits only if there is none or an old one, and at most for one fetch.
    pub(super) async fn keys(&self, now: Instant) -> Result<Arc<KeySet>, IssuerError> {
        self.get(now, Need::Any).await
    }

    /// The set to use if `old` cannot verify a token: a newer one if there is one, otherwise `old`.
    pub(super) async fn keys_after(
        &self,
        old: &Arc<KeySet>,
        now: Instant,
    ) -> Result<Arc<KeySet>, IssuerError> {
        self.get(now, Need::NewerThan(old)).await
    }

    async fn get(&self, now: Instant, need: Need<'_>) -> Result<Arc<KeySet>, IssuerError> {
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

    /// Begins a fetch in a task, so that a client that disconnects does not cancel it for the others.
    fn begin(&self, state: &mut State, now: Instant, need: Need<'_>) -> watch::Receiver<()> {
        let (over, flight) = watch::channel(());
        state.cache.begin(now, need);
        state.cause = Some(LoadError::Aborted);
        state.flight = Some(flight.clone());
        let (shared, renew) = (self.0.clone(), matches!(need, Need::NewerThan(_)));
        task::spawn(async move {
            let begun = tokio::time::Instant::now();
            let outcome = timeout(LIMIT, shared.load(now, renew)).await;
            let outcome = outcome.unwrap_or(Err(LoadError::Timeout(LIMIT)));
            if let (Err(_), KeyOrigin::Discovery(discovery)) = (&outcome, &shared.origin) {
                discovery.expire(now);
            }
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
    /// `renew` fetches the metadata too: an issuer with new keys may have moved them.
    async fn load(&self, now: Instant, renew: bool) -> Result<(KeySet, Option<Duration>), LoadError> {
        let document = match &self.origin {
            KeyOrigin::Address(address, fetch) => fetch(address.clone()).await?,
            KeyOrigin::Discovery(discovery) => {
                let address = discovery.for_keys(now, renew).await?.endpoint("jwks_uri")?;
                discovery.fetch(address).await?
            }
        };
        Ok((KeySet::parse(&document.bytes)?, document.max_age))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: &dyn fmt::Debug = match &self.0.origin {
            KeyOrigin::Discovery(discovery) => discovery,
            KeyOrigin::Address(address, _) => address,
        };
        f.debug_tuple("KeySource").field(shown).finish()
    }
}

fn unavailable(retry_after: Duration, state: &State) -> IssuerError {
    IssuerError { retry_after, cause: state.cause.clone().unwrap_or(LoadError::Aborted) }
}

#[cfg(test)]
mod tests;
