//! The provider's metadata (OpenID Connect Discovery 1.0 section 4). The first sign-in fetches it; concurrent sign-ins
//! wait for the same fetch.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use space_kit::header::{HeaderValue, RETRY_AFTER};
use space_kit::jwks::{Fetch, discovery};
use space_kit::{Error, StatusCode};
use tokio::sync::Mutex;

/// How long metadata is used before it is fetched again.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// The pause after a failed fetch.
const PAUSE: Duration = Duration::from_secs(5);

/// The metadata that a sign-in uses. All addresses are https, or loopback if the issuer is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) userinfo_endpoint: Option<String>,
    /// Whether authorization responses always contain `iss` (RFC 9207 section 3).
    pub(crate) sends_issuer: bool,
}

impl Metadata {
    /// Parses the metadata document of exactly this issuer.
    ///
    /// # Errors
    ///
    /// What is wrong with the document, for the log.
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

/// The metadata of one issuer, once it is fetched.
pub(crate) struct MetadataCache {
    issuer: String,
    fetch: Fetch,
    /// Locked during a fetch, so that only one runs at a time.
    cached: Mutex<Cached>,
}

#[derive(Default)]
struct Cached {
    held: Option<(Arc<Metadata>, Instant)>,
    failed: Option<(String, Instant)>,
}

impl MetadataCache {
    /// An empty cache.
    pub(crate) fn new(issuer: String, fetch: Fetch) -> MetadataCache {
        MetadataCache { issuer, fetch, cached: Mutex::default() }
    }

    /// The metadata. Stale metadata is used while a newer document cannot be fetched.
    ///
    /// # Errors
    ///
    /// 502 `provider_unavailable` if no metadata could ever be fetched.
    pub(crate) async fn get(&self, now: Instant) -> Result<Arc<Metadata>, Error> {
        let mut cached = self.cached.lock().await;
        if let Some((metadata, fresh_until)) = &cached.held
            && now < *fresh_until
        {
            return Ok(metadata.clone());
        }
        let paused = cached.failed.as_ref().is_some_and(|(_, until)| now < *until);
        if !paused {
            match self.load().await {
                Ok(metadata) => {
                    let metadata = Arc::new(metadata);
                    *cached = Cached { held: Some((metadata.clone(), now + FRESH)), failed: None };
                    return Ok(metadata);
                }
                // Requests that waited for this fetch must not try again one after the other.
                Err(cause) => cached.failed = Some((cause, Instant::now().max(now) + PAUSE)),
            }
        }
        match (&cached.held, &cached.failed) {
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
    let message = "the sign-in provider cannot be reached; try again in a few seconds";
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
    fn metadata_has_its_own_issuer_and_only_safe_addresses() {
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

    /// A cache whose n-th fetch succeeds if `works` says so, and the number of fetches.
    fn cache(works: fn(usize) -> bool) -> (MetadataCache, Arc<AtomicUsize>) {
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
        (MetadataCache::new(ISSUER.to_owned(), fetch), count)
    }

    #[tokio::test]
    async fn concurrent_sign_ins_share_one_fetch_and_metadata_is_fetched_again_after_an_hour() {
        let ((cache, count), start) = (cache(|_| true), Instant::now());
        let (one, two) = tokio::join!(cache.get(start), cache.get(start));
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(cache.get(start + FRESH).await.is_ok());
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failed_fetch_is_retried_after_five_seconds_and_only_the_log_has_its_cause() {
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
    async fn stale_metadata_is_used_while_a_fetch_fails() {
        let ((cache, _), start) = (cache(|call| call == 0), Instant::now());
        assert!(cache.get(start).await.is_ok());
        assert!(cache.get(start + FRESH).await.is_ok());
    }
}
