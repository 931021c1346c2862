//! The endpoints of one API, and the life of a request among them.

use std::pin::Pin;

use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};
use space_kit::Error;
use space_kit::outgoing::Pool;
use tokio::time::{sleep, timeout};

use super::address::Upstream;
use super::answer::Answer;
use super::attempt::{Attempt, AttemptError};
use super::endpoint::Endpoint;
use super::failover::{AttemptErrorKind, Candidate, Failover, Step};
use super::request::UpstreamRequest;
use super::timeouts::Timeouts;
use crate::clock::Clock;

/// The endpoints of one API, in the order of preference.
pub(crate) struct UpstreamGroup {
    endpoints: Vec<Endpoint>,
    settings: GroupSettings,
}

/// What the groups have in common.
#[derive(Clone)]
pub(crate) struct GroupSettings {
    pub(crate) pool: Pool,
    /// The account that Hugging Face bills.
    pub(crate) bill_to: Option<HeaderValue>,
    pub(crate) timeouts: Timeouts,
    pub(crate) clock: Clock,
    /// A random number from 0 to 1, for jitter.
    pub(crate) random: fn() -> f64,
}

/// A future answer. It is boxed, so that its code exists once for all callers.
type Sending<'a> = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send + 'a>>;

impl UpstreamGroup {
    pub(super) fn new(upstreams: Vec<Upstream>, settings: GroupSettings) -> UpstreamGroup {
        UpstreamGroup { endpoints: upstreams.into_iter().map(Endpoint::new).collect(), settings }
    }

    /// How long its upstreams may take.
    pub(crate) fn timeouts(&self) -> Timeouts {
        self.settings.timeouts
    }

    /// Whether a model's name may have a provider's pin here.
    pub(crate) fn knows_pins(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.upstream.is_hugging_face())
    }

    /// Sends a request to one endpoint after the other, until one answers, an error is final, or time is up.
    ///
    /// # Errors
    ///
    /// The last error, as the client should see it. An error with `Retry-After` is preferred over another
    /// endpoint's error without one.
    pub(crate) fn send<'a>(&'a self, request: &'a UpstreamRequest) -> Sending<'a> {
        Box::pin(self.send_unboxed(request))
    }

    async fn send_unboxed(&self, request: &UpstreamRequest) -> Result<Answer, Error> {
        let clock = self.settings.clock;
        let has_pin = request.model_without_pin.is_some();
        let pinned = |endpoint: &Endpoint| has_pin && endpoint.upstream.is_hugging_face();
        let mut failover = Failover::new(self.endpoints.iter().map(pinned).collect(), request.repeatable);
        let (mut last, mut wake_until, mut lead) = (None, None, None);
        loop {
            let step = failover.next(self.settings.random);
            let left = request.deadline.saturating_duration_since(clock.instant());
            match step {
                Step::Try(_) if left.is_zero() => break,
                Step::Try(candidate) => match self.attempt(request, candidate, &failover).await {
                    Ok(answer) => return Ok(answer),
                    Err(AttemptError { kind, error }) => {
                        let is_final = !failover.record(candidate, kind);
                        // Prefer an error with Retry-After over another endpoint's error without one.
                        let is_preferred =
                            |(at, kept): &(usize, Error)| *at != candidate.endpoint && has_retry_after(kept);
                        let keeps_last = last.as_ref().is_some_and(is_preferred) && !has_retry_after(&error);
                        if is_final || kind != AttemptErrorKind::Skipped && !keeps_last {
                            last = Some((candidate.endpoint, error));
                        }
                        if is_final {
                            break;
                        }
                    }
                },
                Step::Pause(pause) if pause < left => sleep(pause).await,
                Step::Wake(at, pause) => {
                    let Some(endpoint) = self.endpoints.get(at) else { break };
                    let until =
                        *wake_until.get_or_insert_with(|| clock.instant() + self.settings.timeouts.wake);
                    let left = left.min(until.saturating_duration_since(clock.instant()));
                    if pause.unwrap_or_default() >= left {
                        break;
                    }
                    let pool = &self.settings.pool;
                    let waking = endpoint.waker.wait(pool, &endpoint.upstream, pause, &mut lead);
                    if timeout(left, waking).await.is_err() {
                        break;
                    }
                }
                Step::Pause(_) | Step::Stop => break,
            }
        }
        let all_open = || unavailable("every upstream failed repeatedly and its circuit breaker is open");
        Err(last.map_or_else(all_open, |(_, error)| error))
    }

    /// Removes the upstreams' keys from an error that one of them reported.
    pub(crate) fn hide_keys(&self, error: &mut Error) {
        self.endpoints.iter().for_each(|endpoint| endpoint.upstream.hide_key(error));
    }

    /// One attempt, counted. Of a request's failures at an endpoint only the one in the first round counts
    /// for the circuit breaker, so that two unlucky requests cannot open it for everyone.
    async fn attempt(
        &self,
        request: &UpstreamRequest,
        candidate: Candidate,
        failover: &Failover,
    ) -> Result<Answer, AttemptError> {
        let kind = AttemptErrorKind::Skipped;
        let Some(endpoint) = self.endpoints.get(candidate.endpoint) else {
            return Err(AttemptError { kind, error: unavailable("no upstream") });
        };
        let GroupSettings { pool, bill_to, timeouts, clock, .. } = &self.settings;
        let now = clock.instant();
        let mut outcome = match endpoint.breaker.allows(now) {
            true => {
                let until = timeouts.of_attempt(request, now, failover.has_more());
                let (upstream, without_pin) = (&*endpoint.upstream, candidate.without_pin);
                let attempt = Attempt {
                    request,
                    upstream,
                    pool,
                    bill_to: bill_to.as_ref(),
                    without_pin,
                    sent_once: !request.repeatable || failover.repeats(),
                    clock: *clock,
                };
                attempt.run(until).await
            }
            false => {
                Err(AttemptError { kind, error: unavailable("the circuit breaker of the upstream is open") })
            }
        };
        if let Err(AttemptError { error, .. }) = &mut outcome {
            self.hide_keys(error);
        }
        let failure = outcome.as_ref().err().map(|error| error.kind);
        endpoint.counts.add(failure);
        let now = clock.instant();
        let worked = match failure {
            Some(AttemptErrorKind::Skipped) => return outcome,
            Some(_) if failover.repeats() => return outcome,
            Some(AttemptErrorKind::Asleep(_)) => None,
            // The client may set a short deadline, so reaching it shows nothing about the upstream.
            Some(AttemptErrorKind::Silent) if now >= request.deadline => None,
            Some(
                AttemptErrorKind::Unreachable
                | AttemptErrorKind::Broken
                | AttemptErrorKind::Silent
                | AttemptErrorKind::Unfit,
            ) => Some(false),
            Some(AttemptErrorKind::Status(status, _)) => Some(!status.is_server_error()),
            None => Some(true),
        };
        endpoint.breaker.record(worked, now);
        outcome
    }

    /// Appends the counts of attempts, in the Prometheus text format.
    pub(super) fn render(&self, out: &mut String) {
        for endpoint in &self.endpoints {
            endpoint.counts.render(&format!("{:?}", endpoint.upstream), out);
        }
    }
}

fn has_retry_after(error: &Error) -> bool {
    error.headers.iter().any(|(name, _)| name == RETRY_AFTER)
}

/// Seconds until a client should retry when no upstream is available.
const RETRY_SECONDS: &str = "5";

fn unavailable(message: &'static str) -> Error {
    let error = Error::new(StatusCode::BAD_GATEWAY, "upstream_unavailable", message);
    error.header(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS))
}
