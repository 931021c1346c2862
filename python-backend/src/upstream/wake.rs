//! Waking an upstream that is asleep: one waker for all requests that wait for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use space_kit::outgoing::Pool;
use space_kit::task;

use super::Upstream;

/// An Inference Endpoint that is scaled to zero starts on any request; this keeps ours short.
const X_SCALE_UP_TIMEOUT: HeaderName = HeaderName::from_static("x-scale-up-timeout");

/// Pauses between two knocks: short at first, because a Space may be back soon.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Time for one knock to be answered.
const KNOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// The waker of one upstream. While nobody waits there is none.
#[derive(Default)]
pub(super) struct Waker(Mutex<Option<watch::Receiver<bool>>>);

impl Waker {
    /// Waits until the upstream is awake; gives up with the last of those who wait.
    pub(crate) async fn wake(&self, pool: &Pool, upstream: &Arc<Upstream>) {
        let mut awake = self.join(pool, upstream);
        _ = awake.wait_for(|awake| *awake).await;
    }

    fn join(&self, pool: &Pool, upstream: &Arc<Upstream>) -> watch::Receiver<bool> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The sender is gone when an earlier waker succeeded, or gave up because nobody waited any more.
        if let Some(receiver) = current.as_ref().filter(|receiver| receiver.has_changed().is_ok()) {
            return receiver.clone();
        }
        let (sender, receiver) = watch::channel(false);
        task::spawn(knock(pool.clone(), upstream.clone(), sender));
        *current = Some(receiver.clone());
        receiver
    }
}

async fn knock(pool: Pool, upstream: Arc<Upstream>, awake: watch::Sender<bool>) {
    let mut pause = FIRST_PAUSE;
    // The waker itself keeps one receiver: a second one is somebody who waits.
    while awake.receiver_count() > 1 {
        if is_awake(&pool, &upstream).await {
            _ = awake.send(true);
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn is_awake(pool: &Pool, upstream: &Upstream) -> bool {
    let mut request = Request::get(format!("{}/models", upstream.base)).header(X_SCALE_UP_TIMEOUT, "1");
    if let Some(authorization) = &upstream.authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let Ok(request) = request.body(Bytes::new()) else { return true };
    match timeout(KNOCK_TIMEOUT, pool.send(&upstream.origin, &|| request.clone())).await {
        Ok(Ok(answer)) => !is_asleep(upstream, answer.status(), answer.headers(), b""),
        _ => false,
    }
}

/// Whether an answer is that of a platform in front of something asleep: 503 from an endpoint that scales
/// up, or a page where an API should be.
pub(super) fn is_asleep(upstream: &Upstream, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let html = content_type.starts_with(b"text/html");
    let loading = body.windows(b"estimated_time".len()).any(|window| window == b"estimated_time");
    match status {
        StatusCode::SERVICE_UNAVAILABLE => html || loading || body.is_empty() || upstream.is_endpoint(),
        StatusCode::BAD_GATEWAY | StatusCode::NOT_FOUND => html,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asleep(status: u16, content_type: &'static str, body: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let upstream = Upstream::parse("http://127.0.0.1/v1").unwrap();
        is_asleep(&upstream, StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    #[test]
    fn a_page_where_an_api_should_be_means_asleep() {
        for status in [502, 503, 404] {
            assert!(asleep(status, "text/html; charset=utf-8", "<h1>"), "{status}");
        }
        assert!(asleep(503, "application/json", r#"{"error":"loading","estimated_time":20.0}"#));
        assert!(asleep(503, "text/plain", ""));
    }

    #[test]
    fn an_apis_own_errors_do_not() {
        assert!(!asleep(503, "application/json", r#"{"error":"overloaded"}"#));
        assert!(!asleep(404, "application/json", "{}"));
        assert!(!asleep(500, "text/html", "<h1>"));
    }
}
