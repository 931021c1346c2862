//! The upstreams of one kind of request, with what is known of their health, and the way of a request
//! through them.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Method, StatusCode};
use space_kit::Error;
use space_kit::outgoing::Pool;
use tokio::time::{sleep, timeout};

use super::Upstream;
use super::attempt::{Failed, Opened};
use super::breaker::Breaker;
use super::plan::{Outcome, Plan, Route, Step};
use super::tries::Tries;
use super::wake::Waker;

const X_HF_BILL_TO: HeaderName = HeaderName::from_static("x-hf-bill-to");

/// Suffixes of a model's name that say how the router chooses, and are no provider's pin.
const POLICIES: [&str; 3] = ["fastest", "cheapest", "preferred"];

/// One upstream and its health.
pub(super) struct Backend {
    pub(super) upstream: Arc<Upstream>,
    breaker: Breaker,
    waker: Waker,
    tries: Tries,
}

/// Upstreams in their order of preference.
pub(crate) struct Lane {
    backends: Vec<Backend>,
    pub(super) pool: Pool,
    /// Whom Hugging Face bills.
    bill_to: Option<HeaderValue>,
    pub(crate) waits: Waits,
}

/// How long an upstream may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    pub(crate) first_event: Duration,
    pub(crate) between_events: Duration,
    pub(crate) total: Duration,
    pub(crate) wake: Duration,
    pub(crate) heartbeat: Duration,
}

/// A request as it goes to any upstream of a lane.
pub(crate) struct Job {
    pub(crate) method: Method,
    /// Path below the upstream's base, and query: `/chat/completions`.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body's model without its provider's pin, where it has one.
    pub(crate) relaxed: Option<String>,
    pub(crate) want: Want,
    pub(crate) deadline: Instant,
}

/// What kind of answer is expected, and so how far it is read before it counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Events of a chat or a completion: up to the first event.
    Events,
    /// A JSON answer: to its end.
    Whole,
    /// Anything: its head.
    Head,
}

/// An answer to come, boxed: its code is there once for all who wait for one.
type Opening<'a> = Pin<Box<dyn Future<Output = Result<Opened, Error>> + Send + 'a>>;

/// A model's name without the provider's pin that it ends with.
pub(crate) fn without_pin(model: &str) -> Option<&str> {
    let (bare, pin) = model.rsplit_once(':')?;
    (!bare.is_empty() && !pin.is_empty() && !POLICIES.contains(&pin)).then_some(bare)
}

impl Lane {
    pub(super) fn new(
        upstreams: Vec<Upstream>,
        pool: Pool,
        bill_to: Option<HeaderValue>,
        waits: Waits,
    ) -> Lane {
        let backends = upstreams.into_iter().map(|upstream| Backend {
            upstream: Arc::new(upstream),
            breaker: Breaker::default(),
            waker: Waker::default(),
            tries: Tries::default(),
        });
        Lane { backends: backends.collect(), pool, bill_to, waits }
    }

    /// Whether a model's name may have a provider's pin here.
    pub(crate) fn knows_pins(&self) -> bool {
        self.backends.iter().any(|backend| backend.upstream.is_hugging_face())
    }

    /// Tries the upstreams until one gives an answer, the error is final, or time is up.
    pub(crate) fn open<'a>(&'a self, job: &'a Job) -> Opening<'a> {
        Box::pin(self.open_now(job))
    }

    async fn open_now(&self, job: &Job) -> Result<Opened, Error> {
        let pinned = |backend: &Backend| job.relaxed.is_some() && backend.upstream.is_hugging_face();
        let mut plan = Plan::new(self.backends.iter().map(pinned).collect());
        let (mut last, mut wake_until, mut lead) = (None, None, None);
        loop {
            let step = plan.next(random);
            let left = job.deadline.saturating_duration_since(Instant::now());
            match step {
                Step::Try(_) if left.is_zero() => break,
                Step::Try(route) => match self.attempt(job, route, &plan).await {
                    Ok(opened) => return Ok(opened),
                    Err(Failed(outcome, error)) => {
                        let is_final = !plan.note(route, outcome);
                        // One that tells when to try again is worth more than what another upstream says.
                        let keeps = |(at, kept): &(usize, Error)| *at != route.upstream && tells_when(kept);
                        let kept = last.as_ref().is_some_and(keeps) && !tells_when(&error);
                        if is_final || outcome != Outcome::Skipped && !kept {
                            last = Some((route.upstream, error));
                        }
                        if is_final {
                            break;
                        }
                    }
                },
                Step::Pause(pause) if pause < left => sleep(pause).await,
                Step::Wake(at, pause) => {
                    let Some(backend) = self.backends.get(at) else { break };
                    let until = *wake_until.get_or_insert_with(|| Instant::now() + self.waits.wake);
                    let left = left.min(until.saturating_duration_since(Instant::now()));
                    if pause.unwrap_or_default() >= left {
                        break;
                    }
                    let waking = backend.waker.wait(&self.pool, &backend.upstream, pause, &mut lead);
                    if timeout(left, waking).await.is_err() {
                        break;
                    }
                }
                Step::Pause(_) | Step::Stop => break,
            }
        }
        let alone = || unavailable("every upstream failed just now and is left alone for a moment");
        Err(last.map_or_else(alone, |(_, error)| error))
    }

    /// Takes the upstreams' keys out of what one of them said.
    pub(crate) fn hide_keys(&self, error: &mut Error) {
        self.backends.iter().for_each(|backend| backend.upstream.hide_key(error));
    }

    /// One try, counted. A request that fails three times is one failure to the breaker: two unlucky ones must not
    /// shut a shaky upstream off for everybody.
    async fn attempt(&self, job: &Job, route: Route, plan: &Plan) -> Result<Opened, Failed> {
        let Some(backend) = self.backends.get(route.upstream) else {
            return Err(Failed(Outcome::Skipped, unavailable("no upstream")));
        };
        let mut tried = match backend.breaker.admits(Instant::now()) {
            true => self.try_once(job, route, &backend.upstream, plan.has_more()).await,
            false => Err(Failed(Outcome::Skipped, unavailable("the upstream is left alone for a moment"))),
        };
        if let Err(Failed(_, error)) = &mut tried {
            self.hide_keys(error);
        }
        let failure = tried.as_ref().err().map(|failed| failed.0);
        backend.tries.count(failure);
        let worked = match failure {
            Some(Outcome::Skipped) => return tried,
            Some(_) if plan.repeats() => return tried,
            Some(Outcome::Asleep(_)) => None,
            // That time was up, which a client may make short, says nothing of the upstream.
            Some(Outcome::Silent) if Instant::now() >= job.deadline => None,
            Some(Outcome::Broken | Outcome::Silent | Outcome::Unfit) => Some(false),
            Some(Outcome::Refused(status, _)) => Some(!status.is_server_error()),
            None => Some(true),
        };
        backend.breaker.note(worked, Instant::now());
        tried
    }

    /// The headers that are the gateway's own.
    pub(super) fn sign(&self, headers: &mut HeaderMap, upstream: &Upstream) {
        if let Some(authorization) = &upstream.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if let (Some(bill_to), true) = (&self.bill_to, upstream.is_hugging_face()) {
            headers.insert(X_HF_BILL_TO, bill_to.clone());
        }
    }

    /// Appends the counts of tries.
    pub(super) fn render(&self, out: &mut String) {
        for backend in &self.backends {
            backend.tries.render(&format!("{:?}", backend.upstream), out);
        }
    }
}

fn tells_when(error: &Error) -> bool {
    error.headers.iter().any(|(name, _)| name == RETRY_AFTER)
}

fn unavailable(message: &'static str) -> Error {
    let error = Error::new(StatusCode::BAD_GATEWAY, "upstream_unavailable", message);
    error.header(RETRY_AFTER, HeaderValue::from_static("5"))
}

/// A number in 0..1 for jitter; nothing secret depends on it.
fn random() -> f64 {
    use std::hash::BuildHasher;
    let bits = std::collections::hash_map::RandomState::new().hash_one(0_u8);
    f64::from((bits >> 32) as u32) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_a_provider_and_not_a_policy() {
        assert_eq!(without_pin("org/model:groq"), Some("org/model"));
        for whole in ["org/model", "org/model:fastest", "org/model:cheapest", "org/model:", ":groq"] {
            assert_eq!(without_pin(whole), None, "{whole}");
        }
    }
}
