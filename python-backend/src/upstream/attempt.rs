//! One try at one upstream, read as far as it takes to know that the answer has begun well.

use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{CONTENT_ENCODING, HeaderMap};
use hyper::http::response::Parts;
use hyper::{Request, Response, StatusCode, Uri};
use space_kit::Error;
use space_kit::outgoing::{PooledBody, collect};
use tokio::time::timeout_at;

use super::plan::{Outcome, Route};
use super::{Job, Lane, Upstream, Want, wake};
use crate::chat_body::with_model;
use crate::chunk::Usage;
use crate::headers::{is_event_stream, upstream_request_id};
use crate::retry_after::retry_after;
use crate::sse::{Event, Rest, Scanner};
use crate::{chunk, upstream_error};

/// The longest event of a stream that is passed on, in bytes.
const MAX_EVENT_BYTES: usize = 16 << 20;
/// The longest answer that is held whole, in bytes.
const MAX_WHOLE_BYTES: usize = 64 << 20;
/// As much of an error's body as is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;

/// An answer that has begun well.
pub(crate) enum Opened {
    /// A stream, with the events that came so far.
    Events(Stream),
    /// A whole answer.
    Whole(Whole),
    /// A head with its body still to come.
    Head(Response<PooledBody>),
}

/// A stream of events.
pub(crate) struct Stream {
    pub(crate) headers: HeaderMap,
    pub(crate) body: PooledBody,
    pub(crate) scanner: Scanner,
    pub(crate) first: Event,
}

/// A whole answer: a JSON object that is no error.
pub(crate) struct Whole {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
    pub(crate) usage: Option<Usage>,
}

impl Whole {
    /// Its text alone.
    pub(crate) fn into_body(self) -> Bytes {
        self.body
    }
}

/// A try that failed: what the plan makes of it, and what the client is told if it was the last.
pub(super) struct Failed(pub(super) Outcome, pub(super) Error);

impl Lane {
    pub(super) async fn try_once(
        &self,
        job: &Job,
        route: Route,
        upstream: &Upstream,
        has_more: bool,
    ) -> Result<Opened, Failed> {
        let until = self.patience(job, has_more).into();
        let tried = timeout_at(until, self.send(job, route, upstream)).await;
        tried.unwrap_or_else(|_| Err(silent(upstream)))
    }

    async fn send(&self, job: &Job, route: Route, upstream: &Upstream) -> Result<Opened, Failed> {
        let request = || self.request(job, route, upstream);
        let response = self.pool.send(&upstream.origin, &request).await.map_err(broken)?;
        let headers = response.headers();
        if !response.status().is_success() {
            let (head, body) = response.into_parts();
            let body = collect(body, MAX_ERROR_BYTES).await.unwrap_or_default();
            return Err(judged(&head, &body, upstream, &job.path));
        }
        if job.want != Want::Head && headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity")
        {
            return Err(broken(format!("{upstream:?} answered in a coding that was not asked for")));
        }
        let is_events = is_event_stream(headers);
        match job.want {
            Want::Head => Ok(Opened::Head(response)),
            Want::Events if is_events => first(response, upstream).await.map(Opened::Events),
            Want::Whole if is_events => {
                Err(unfit(upstream, "the upstream streamed, though a whole answer was asked for"))
            }
            Want::Events | Want::Whole => {
                let answer = whole(response, upstream).await?;
                if job.want == Want::Events {
                    return Err(unfit(
                        upstream,
                        "the upstream did not stream, though a stream was asked for",
                    ));
                }
                Ok(Opened::Whole(answer))
            }
        }
    }

    /// Until when a try is waited for. A whole answer shows nothing before it is made: it may take all the
    /// time there is, or half of it where another upstream is left.
    fn patience(&self, job: &Job, has_more: bool) -> Instant {
        let now = Instant::now();
        let left = job.deadline.saturating_duration_since(now);
        match job.want {
            Want::Events => (now + self.waits.first_event).min(job.deadline),
            Want::Whole | Want::Head if has_more => now + self.waits.first_event.max(left / 2).min(left),
            Want::Whole | Want::Head => job.deadline,
        }
    }

    fn request(&self, job: &Job, route: Route, upstream: &Upstream) -> Request<Bytes> {
        let mut request = Request::new(match job.relaxed.as_deref().filter(|_| route.relaxed) {
            Some(model) => with_model(&job.body, model), // a copy: made only where it comes to that
            None => job.body.clone(),
        });
        *request.method_mut() = job.method.clone();
        let target = [upstream.base.as_str(), &job.path].concat();
        *request.uri_mut() = Uri::try_from(target).unwrap_or_default();
        *request.headers_mut() = job.headers.clone();
        self.sign(request.headers_mut(), upstream);
        request
    }
}

/// Reads a stream up to its first event.
async fn first(response: Response<PooledBody>, upstream: &Upstream) -> Result<Stream, Failed> {
    let (head, mut body) = response.into_parts();
    let mut scanner = Scanner::new(MAX_EVENT_BYTES);
    loop {
        if let Some(first) = scanner.next_event() {
            return begin(head.headers, body, scanner, first);
        }
        match body.frame().await {
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                scanner.push(&data).map_err(|error| broken(format!("{upstream:?}: {error}")))?;
            }
            Some(Err(error)) => return Err(broken(format!("{upstream:?} broke off: {error}"))),
            None => match scanner.finish() {
                Rest::Event(first) => return begin(head.headers, body, scanner, first),
                _ => return Err(broken(format!("{upstream:?} ended a stream before its first event"))),
            },
        }
    }
}

/// A stream that begins with an error has not begun.
fn begin(headers: HeaderMap, body: PooledBody, scanner: Scanner, first: Event) -> Result<Stream, Failed> {
    let is_error = first.is_error() || chunk::inspect_whole(&first.data).is_ok_and(|seen| seen.error);
    if is_error {
        return Err(told(&headers, &first.data));
    }
    Ok(Stream { headers, body, scanner, first })
}

async fn whole(response: Response<PooledBody>, upstream: &Upstream) -> Result<Whole, Failed> {
    let (head, body) = response.into_parts();
    let body = collect(body, MAX_WHOLE_BYTES).await;
    let body = body.map_err(|cause| broken(format!("{upstream:?} {cause}")))?;
    match chunk::inspect_whole(&body) {
        Ok(seen) if seen.error => Err(told(&head.headers, &body)),
        Ok(seen) => Ok(Whole { head, body, usage: seen.usage }),
        Err(_) => Err(judged(&head, &body, upstream, "")),
    }
}

/// An error in an answer whose status says that all is well.
fn told(headers: &HeaderMap, data: &[u8]) -> Failed {
    let mut error = upstream_error::from_event(data);
    error.headers.extend(upstream_request_id(headers));
    Failed(Outcome::Refused(error.status, None), error)
}

/// What an answer is that is none.
fn judged(head: &Parts, body: &[u8], upstream: &Upstream, path: &str) -> Failed {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let wait = retry_after(&head.headers, unix);
    let error = upstream_error::normalise(head.status, &head.headers, body, wait);
    let path = path.split('?').next().unwrap_or_default();
    let lost = head.status == StatusCode::NOT_FOUND && !upstream.base.ends_with("/v1");
    let hint = if lost { "; base addresses usually end in /v1" } else { "" };
    let mut error = error.cause(format!("{upstream:?}{path} answered {}{hint}", head.status));
    error.headers.extend(upstream_request_id(&head.headers));
    let asleep = wake::sleeps(upstream, head.status, &head.headers, body);
    Failed(asleep.unwrap_or(Outcome::Refused(error.status, wait)), error)
}

fn broken(cause: impl std::fmt::Display) -> Failed {
    let message = "the upstream could not be reached, broke off or answered what cannot be read";
    Failed(Outcome::Broken, Error::new(StatusCode::BAD_GATEWAY, "upstream_error", message).cause(cause))
}

/// An answer that is good, but not what was asked for: it would be the same again, and paid for again.
fn unfit(upstream: &Upstream, message: &'static str) -> Failed {
    let error = Error::new(StatusCode::BAD_GATEWAY, "upstream_error", message);
    Failed(Outcome::Unfit, error.cause(format!("{upstream:?}: {message}")))
}

fn silent(upstream: &Upstream) -> Failed {
    let message = "the upstream did not answer in time";
    let error = Error::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message);
    Failed(Outcome::Silent, error.cause(format!("{upstream:?} was silent")))
}
