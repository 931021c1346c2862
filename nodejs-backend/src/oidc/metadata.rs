//! The provider's metadata (OpenID Connect Discovery 1.0 section 4), fetched when they are first needed and then
//! once for all who wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use space_kit::header::{HeaderValue, RETRY_AFTER};
use space_kit::jwks::{Fetch, discovery};
use space_kit::{Error, StatusCode};
use tokio::sync::Mutex;

/// How long metadata are used before they are fetched again.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// After a failure, no other attempt for this time.
const PAUSE: Duration = Duration::from_secs(5);

/// What a sign-in needs of a provider's metadata. All addresses are https, or on this machine as the issuer is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) userinfo_endpoint: Option<String>,
    /// Answers always have `iss` (RFC 9207 section 3).
    pub(crate) sends_issuer: bool,
}

impl Metadata {
    /// Reads the document of this very issuer. The error is for the log.
    pub(crate) fn parse(document: &[u8], issuer: &str) -> Result<Metadata, String> {
        let metadata = discovery::metadata(document, issuer)?;
        let announced = metadata.get("authorization_response_iss_parameter_supported");
        Ok(Metadata {
            authorization_endpoint: discovery::endpoint(&metadata, "authorization_endpoint")?,
            token_endpoint: discovery::endpoint(&metadata, "token_endpoint")?,
            userinfo_endpoint: match metadata.get("userinfo_endpoint") {
                None => None,
                Some(_) => Some(discovery::endpoint(&metadata, "userinfo_endpoint")?),
            },
            sends_issuer: announced == Some(&Value::Bool(true)),
        })
    }
}

/// The metadata of one issuer.
pub(crate) struct Cache {
    issuer: String,
    fetch: Fetch,
    /// Held over a fetch, so that there is one at a time.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<(Arc<Metadata>, Instant)>,
    failed: Option<(String, Instant)>,
}

impl Cache {
    /// Nothing is fetched yet.
    pub(crate) fn new(issuer: String, fetch: Fetch) -> Cache {
        Cache { issuer, fetch, state: Mutex::default() }
    }

    /// The metadata. Old ones serve while newer ones cannot be had.
    pub(crate) async fn get(&self, now: Instant) -> Result<Arc<Metadata>, Error> {
        let mut state = self.state.lock().await;
        if let Some((metadata, fresh_until)) = &state.held
            && now < *fresh_until
        {
            return Ok(metadata.clone());
        }
        let resting = state.failed.as_ref().is_some_and(|(_, until)| now < *until);
        if !resting {
            match self.load().await {
                Ok(metadata) => {
                    let metadata = Arc::new(metadata);
                    *state = State { held: Some((metadata.clone(), now + FRESH)), failed: None };
                    return Ok(metadata);
                }
                // Those who waited asked before the failure: they are not to try one after the other.
                Err(cause) => state.failed = Some((cause, Instant::now().max(now) + PAUSE)),
            }
        }
        match (&state.held, &state.failed) {
            (Some((metadata, _)), _) => Ok(metadata.clone()),
            (None, failed) => Err(unreachable_provider(failed.as_ref().map_or("", |(cause, _)| cause))),
        }
    }

    async fn load(&self) -> Result<Metadata, String> {
        let (document, _) = (self.fetch)(discovery::metadata_url(&self.issuer)).await?;
        Metadata::parse(&document, &self.issuer)
    }
}

fn unreachable_provider(cause: &str) -> Error {
    let message = "the sign-in provider is out of reach just now; try again in a moment";
    Error::new(StatusCode::BAD_GATEWAY, "provider_unavailable", message)
        .header(RETRY_AFTER, HeaderValue::from(PAUSE.as_secs()))
        .cause(format_args!("OpenID discovery: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use space_kit::Bytes;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const ISSUER: &str = "https://id.example";

    fn document() -> Value {
        json!({
            "issuer": ISSUER, "authorization_endpoint": "https://id.example/authorize",
            "token_endpoint": "https://id.example/token", "jwks_uri": "https://id.example/jwks",
        })
    }

    fn with(name: &str, value: Value) -> Result<Metadata, String> {
        let mut document = document();
        document[name] = value;
        Metadata::parse(document.to_string().as_bytes(), ISSUER)
    }

    #[test]
    fn metadata_name_their_issuer_and_safe_addresses() {
        assert!(with("issuer", json!("https://evil.example")).is_err());
        for name in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint"] {
            for unsafe_address in ["http://id.example/x", "http://127.0.0.1/x", "javascript:alert(1)", ""] {
                assert!(with(name, json!(unsafe_address)).is_err(), "{name} {unsafe_address}");
            }
        }
        assert_eq!(with("x", json!(1)).unwrap().userinfo_endpoint, None);
        assert!(!with("authorization_response_iss_parameter_supported", json!("true")).unwrap().sends_issuer);
        assert!(with("authorization_response_iss_parameter_supported", json!(true)).unwrap().sends_issuer);
    }

    /// A cache whose n-th fetch gives what `answer` says, and the count of fetches.
    fn cache(works: fn(usize) -> bool) -> (Cache, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = count.clone();
        let fetch: Fetch = Box::new(move |_| {
            let call = counter.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::task::yield_now().await;
                if works(call) {
                    Ok((Bytes::from(document().to_string()), None))
                } else {
                    Err("refused".to_owned())
                }
            })
        });
        (Cache::new(ISSUER.to_owned(), fetch), count)
    }

    #[tokio::test]
    async fn metadata_are_fetched_once_for_all_and_again_after_an_hour() {
        let ((cache, count), start) = (cache(|_| true), Instant::now());
        let (one, two) = tokio::join!(cache.get(start), cache.get(start));
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(cache.get(start + FRESH).await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failure_rests_five_seconds_and_tells_the_log_alone() {
        let ((cache, count), start) = (cache(|call| call > 0), Instant::now());
        for _ in 0..3 {
            let error = cache.get(start).await.unwrap_err();
            assert_eq!((error.status.as_u16(), error.code), (502, "provider_unavailable"));
            assert!(
                error.cause.as_deref().unwrap().contains("refused") && !error.message.contains("refused")
            );
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(cache.get(start + 2 * PAUSE).await.is_ok());
    }

    #[tokio::test]
    async fn old_metadata_serve_while_newer_ones_cannot_be_had() {
        let ((cache, _), start) = (cache(|call| call == 0), Instant::now());
        assert!(cache.get(start).await.is_ok());
        assert!(cache.get(start + FRESH).await.is_ok());
    }
}
