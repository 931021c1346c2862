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
use super::plan::Outcome;
use crate::headers;

/// An Inference Endpoint that is scaled to zero starts on any request; this keeps ours short.
const X_SCALE_UP_TIMEOUT: HeaderName = HeaderName::from_static("x-scale-up-timeout");

/// Pauses between two knocks: short at first, because a Space may be back soon.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause while a model loads, whatever its upstream guesses.
const LONGEST_GUESS: Duration = Duration::from_secs(15);
/// Time for one knock to be answered.
const KNOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// Held by the one who tries for all; the others go on when it is dropped.
pub(super) type Lead = Option<watch::Sender<bool>>;

/// The waker of one upstream. While nobody waits there is none.
#[derive(Default)]
pub(super) struct Waker(Mutex<Option<watch::Receiver<bool>>>);

impl Waker {
    /// Waits until another try makes sense. What sleeps is knocked at until it is awake, or nobody waits any
    /// more. A model that loads, for which there is a `pause`, answers no knock: the first who waits has the
    /// lead, and tries again after each pause.
    pub(crate) async fn wait(
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
                task::spawn(knock(pool.clone(), upstream.clone(), sender));
                awake
            }
            (joined, pause) => {
                *lead = joined.and_then(Result::ok).or(lead.take());
                return sleep(pause.unwrap_or(LONGEST_PAUSE)).await;
            }
        };
        _ = awake.wait_for(|awake| *awake).await;
    }

    /// What the one who wakes tells the others by; or, if there is one, what they hear it by.
    fn join(&self) -> Result<watch::Sender<bool>, watch::Receiver<bool>> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The sender is gone when an earlier waker succeeded, or gave up.
        if let Some(receiver) = current.as_ref().filter(|receiver| receiver.has_changed().is_ok()) {
            return Err(receiver.clone());
        }
        let (sender, receiver) = watch::channel(false);
        *current = Some(receiver);
        Ok(sender)
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
        Ok(Ok(answer)) => sleeps(upstream, answer.status(), answer.headers(), b"").is_none(),
        _ => false,
    }
}

/// Whether an answer is that of a platform in front of something asleep: 503 from an endpoint that scales up,
/// for a model that loads, without words or as a page; any page of a Space where an API should be. Elsewhere a
/// page with 404 or 502 is a wrong address or a fault, and no wait helps.
pub(super) fn sleeps(
    upstream: &Upstream,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<Outcome> {
    let content_type = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let html = content_type.starts_with(b"text/html");
    let pause = guess(body);
    let asleep = match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            html || pause.is_some() || body.is_empty() || upstream.is_endpoint()
        }
        StatusCode::BAD_GATEWAY | StatusCode::NOT_FOUND => html && upstream.is_space(),
        _ => false,
    };
    asleep.then_some(Outcome::Asleep(pause))
}

/// How long a model still loads, as Hugging Face guesses it: `{"error":"…","estimated_time":20.0}`.
fn guess(body: &[u8]) -> Option<Duration> {
    let (_, behind) = std::str::from_utf8(body).ok()?.split_once("\"estimated_time\"")?;
    let number = behind.trim_start_matches([':', ' ']).split([',', '}']).next().unwrap_or_default();
    let guess = headers::duration(number.trim().as_bytes()).unwrap_or(LONGEST_PAUSE);
    Some(guess.clamp(FIRST_PAUSE, LONGEST_GUESS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asleep(url: &str, status: u16, content_type: &'static str, body: &str) -> Option<Outcome> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let upstream = Upstream::parse(url).unwrap();
        sleeps(&upstream, StatusCode::from_u16(status).unwrap(), &headers, body.as_bytes())
    }

    const LOCAL: &str = "http://127.0.0.1/v1";
    const SPACE: &str = "https://me-app.hf.space/v1";

    #[test]
    fn a_page_where_an_api_should_be_means_asleep() {
        for (url, status) in [(SPACE, 502), (SPACE, 503), (SPACE, 404), (LOCAL, 503)] {
            let outcome = asleep(url, status, "text/html; charset=utf-8", "<h1>");
            assert_eq!(outcome, Some(Outcome::Asleep(None)), "{url} {status}");
        }
        assert_eq!(asleep(LOCAL, 503, "text/plain", ""), Some(Outcome::Asleep(None)));
    }

    #[test]
    fn a_page_of_what_is_no_space_is_a_wrong_address_or_a_fault() {
        for status in [404, 502] {
            assert_eq!(asleep(LOCAL, status, "text/html", "<h1>"), None, "{status}");
        }
    }

    #[test]
    fn a_model_that_loads_is_waited_for_as_long_as_it_says_within_bounds() {
        for (time, millis) in [
            ("8.0", 8_000),
            ("8 ,\"x\":1", 8_000),
            ("0", 500),
            ("1e9", 15_000),
            ("null", 5_000),
            ("-1", 5_000),
        ] {
            let body = format!(r#"{{"error":"Model m is currently loading","estimated_time": {time}}}"#);
            let expected = Outcome::Asleep(Some(Duration::from_millis(millis)));
            assert_eq!(asleep(LOCAL, 503, "application/json", &body), Some(expected), "{time}");
        }
    }

    #[test]
    fn an_apis_own_errors_do_not() {
        assert_eq!(asleep(LOCAL, 503, "application/json", r#"{"error":"overloaded"}"#), None);
        assert_eq!(asleep(SPACE, 404, "application/json", "{}"), None);
        assert_eq!(asleep(SPACE, 500, "text/html", "<h1>"), None);
    }
}
