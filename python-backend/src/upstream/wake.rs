//! Waking an upstream that is asleep, once for all requests that wait for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, StatusCode};
use space_kit::outgoing::Pool;
use space_kit::task;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::address::Upstream;
use super::failover::AttemptErrorKind;
use crate::wire::headers;

/// Any request starts an Inference Endpoint that is scaled to zero. This header keeps the request from
/// waiting for it.
const X_SCALE_UP_TIMEOUT: HeaderName = HeaderName::from_static("x-scale-up-timeout");

/// Pauses between two probes: short at first, because a Space may be back soon.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause while a model loads, whatever its upstream estimates.
const LONGEST_ESTIMATE: Duration = Duration::from_secs(15);
/// The timeout of one probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Held by the request that retries for all of them. The others go on when it is dropped.
pub(super) type Lead = Option<watch::Sender<bool>>;

/// The waker of one upstream. It is empty while no request waits.
#[derive(Default)]
pub(super) struct Waker(Mutex<Option<watch::Receiver<bool>>>);

impl Waker {
    /// Waits until another attempt makes sense. An upstream that is asleep is probed until it is awake or no
    /// request waits any more. A model that is loading (`pause` is its estimate) cannot be probed: the first
    /// request that waits takes the lead and retries after each pause.
    pub(super) async fn wait(
        &self,
        pool: &Pool,
        upstream: &Arc<Upstream>,
        pause: Option<Duration>,
        lead: &mut Lead,
    ) {
        let joined = if lead.is_none() { Some(self.join()) } else { None };
        let mut awake = match (joined, pause) {
            (Some(Err(awake)), _) => awake,
            (Some(Ok(sender)), None) => {
                let awake = sender.subscribe();
                task::spawn(probe(pool.clone(), upstream.clone(), sender));
                awake
            }
            (joined, pause) => {
                *lead = joined.and_then(Result::ok).or(lead.take());
                return sleep(pause.unwrap_or(LONGEST_PAUSE)).await;
            }
        };
        _ = awake.wait_for(|awake| *awake).await;
    }

    /// The sender, for the first request that waits; the receiver, for the others.
    fn join(&self) -> Result<watch::Sender<bool>, watch::Receiver<bool>> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The sender is dropped when an earlier wake-up succeeded or was abandoned.
        if let Some(receiver) = current.as_ref().filter(|receiver| receiver.has_changed().is_ok()) {
            return Err(receiver.clone());
        }
        let (sender, receiver) = watch::channel(false);
        *current = Some(receiver);
        Ok(sender)
    }
}

async fn probe(pool: Pool, upstream: Arc<Upstream>, awake: watch::Sender<bool>) {
    let mut pause = FIRST_PAUSE;
    // The waker itself keeps one receiver; each other receiver is a request that waits.
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
    let request = Request::get(upstream.target("/models")).header(X_SCALE_UP_TIMEOUT, "1");
    let Ok(mut request) = request.body(Bytes::new()) else { return true };
    upstream.add_headers("/models", None, request.headers_mut());
    match timeout(PROBE_TIMEOUT, pool.send(&upstream.origin, &|| request.clone())).await {
        Ok(Ok(response)) => asleep(upstream, response.status(), response.headers(), b"").is_none(),
        _ => false,
    }
}

/// Whether a response means that the upstream is asleep: a 503 from an Inference Endpoint, for a model that
/// is loading, with an empty body or a web page, or an error page of a Space. Elsewhere a page with 404 or
/// 502 is a wrong address or a fault, and waiting does not help.
pub(super) fn asleep(
    upstream: &Upstream,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<AttemptErrorKind> {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let html = content_type.starts_with(b"text/html");
    let pause = estimate(body);
    let is_asleep = match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            html || pause.is_some() || body.is_empty() || upstream.is_inference_endpoint()
        }
        StatusCode::BAD_GATEWAY | StatusCode::NOT_FOUND => html && upstream.is_space(),
        _ => false,
    };
    is_asleep.then_some(AttemptErrorKind::Asleep(pause))
}

/// How long a model will still be loading, as Hugging Face estimates it:
/// `{"error":"…","estimated_time":20.0}`.
fn estimate(body: &[u8]) -> Option<Duration> {
    let (_, after) = std::str::from_utf8(body).ok()?.split_once("\"estimated_time\"")?;
    let number = after.trim_start_matches([':', ' ']).split([',', '}']).next().unwrap_or_default();
    let estimate = headers::duration(number.trim().as_bytes()).unwrap_or(LONGEST_PAUSE);
    Some(estimate.clamp(FIRST_PAUSE, LONGEST_ESTIMATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asleep_at(url: &str, status: u16, content_type: &'static str, body: &str) -> Option<AttemptErrorKind> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let upstream = Upstream::parse(url).unwrap();
        asleep(&upstream, StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    const LOCAL: &str = "http://127.0.0.1/v1";
    const SPACE: &str = "https://me-app.hf.space/v1";

    #[test]
    fn a_page_instead_of_a_response_means_asleep() {
        for (url, status) in [(SPACE, 502), (SPACE, 503), (SPACE, 404), (LOCAL, 503)] {
            let outcome = asleep_at(url, status, "text/html; charset=utf-8", "<h1>");
            assert_eq!(outcome, Some(AttemptErrorKind::Asleep(None)), "{url} {status}");
        }
        assert_eq!(asleep_at(LOCAL, 503, "text/plain", ""), Some(AttemptErrorKind::Asleep(None)));
    }

    #[test]
    fn an_error_page_elsewhere_does_not_mean_asleep() {
        for status in [404, 502] {
            assert_eq!(asleep_at(LOCAL, status, "text/html", "<h1>"), None, "{status}");
        }
    }

    #[test]
    fn a_loading_model_is_waited_for_as_estimated_within_limits() {
        for (time, millis) in [
            ("8.0", 8_000),
            ("8 ,\"x\":1", 8_000),
            ("0", 500),
            ("1e9", 15_000),
            ("null", 5_000),
            ("-1", 5_000),
        ] {
            let body = format!(r#"{{"error":"Model m is currently loading","estimated_time": {time}}}"#);
            let expected = AttemptErrorKind::Asleep(Some(Duration::from_millis(millis)));
            assert_eq!(asleep_at(LOCAL, 503, "application/json", &body), Some(expected), "{time}");
        }
    }

    #[test]
    fn errors_of_the_api_itself_do_not_mean_asleep() {
        assert_eq!(asleep_at(LOCAL, 503, "application/json", r#"{"error":"overloaded"}"#), None);
        assert_eq!(asleep_at(SPACE, 404, "application/json", "{}"), None);
        assert_eq!(asleep_at(SPACE, 500, "text/html", "<h1>"), None);
    }
}
