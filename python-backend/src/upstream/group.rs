//! The endpoints of one API, and the life of a request among them.

use std::pin::Pin;
use std::time::{Duration, Instant};

use hyper::Method;
use space_kit::{Error, Value};
use tokio::time::{sleep, sleep_until, timeout};

use super::address::{Upstream, UpstreamApi};
use super::answer::Answer;
use super::api_key::hide;
use super::attempt::Attempt;
use super::attempt_counts::{SKIPPED, outcome};
use super::attempt_error::{AttemptError, has_header, has_retry_after, unavailable};
use super::breaker::Health;
use super::endpoint::Endpoint;
use super::failover::{
    AttemptErrorKind, Budget, Candidate, Choice, Failover, LONGEST_WAIT, Step, is_failure,
};
use super::group_settings::GroupSettings;
use super::join::join_all;
use super::order::order;
use super::request::{Expect, UpstreamRequest};
use super::timeouts::Timeouts;
use crate::access::PayerToken;
use crate::catalogue::model_not_found;
use crate::errors::openai::X_SHOULD_RETRY;
use crate::wire::dialect::Dialect;

/// The endpoints of one API, in the order of preference.
pub(crate) struct UpstreamGroup {
    endpoints: Vec<Endpoint>,
    settings: GroupSettings,
}

/// The time for each of several endpoints that get the same request.
const EACH_TIMEOUT: Duration = Duration::from_secs(10);

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

    /// Whether every upstream is known to lack an API.
    pub(crate) fn lacks(&self, dialect: Dialect) -> bool {
        let now = self.settings.clock.unix();
        self.endpoints.iter().all(|endpoint| match endpoint.upstream.api {
            UpstreamApi::Auto => endpoint.habits.lacks(dialect, now),
            api => api == UpstreamApi::Chat,
        })
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
        Box::pin(self.send_to(request, order(&self.endpoints, request), self.settings.tries))
    }

    /// Sends a request to every endpoint at the same time. Where there are several, each is tried once, and one that
    /// is slow must not hold the others' answers for long.
    pub(crate) async fn send_to_each(&self, request: &mut UpstreamRequest) -> Vec<Result<Answer, Error>> {
        if self.endpoints.len() == 1 {
            return vec![self.send(request).await];
        }
        request.deadline = request.deadline.min(self.settings.clock.instant() + EACH_TIMEOUT);
        let request = &*request;
        let choice = |at: usize| match self.endpoints.get(at) {
            Some(endpoint) if endpoint.upstream.admits(request.payer.as_ref()) => {
                vec![Choice { endpoint: at, is_pinned: false }]
            }
            _ => Vec::new(),
        };
        let send = |endpoint| -> Sending<'_> { Box::pin(self.send_to(request, choice(endpoint), 1)) };
        join_all((0..self.endpoints.len()).map(send).collect()).await
    }

    async fn send_to(
        &self,
        request: &UpstreamRequest,
        choices: Vec<Choice>,
        tries: usize,
    ) -> Result<Answer, Error> {
        if choices.is_empty() {
            return Err(model_not_found(&request.model, &self.model_ids().collect::<Vec<_>>()));
        }
        let clock = self.settings.clock;
        let UpstreamRequest { repeatable, client_repeats, .. } = *request;
        let mut failover = Failover::new(choices, Budget { tries, client_repeats, repeatable });
        let began = clock.instant();
        let status_until = began + self.settings.timeouts.heartbeat;
        let (mut last, mut wake_until, mut lead) = (None, None, None);
        loop {
            let now = clock.instant();
            let left = request.deadline.saturating_duration_since(now);
            // After the first heartbeat, an error cannot be a status any more. Half of the time until then is for
            // the next attempt.
            let until_status = match request.expect {
                Expect::Events => status_until.checked_duration_since(now),
                Expect::Whole | Expect::Head => None,
            };
            let longest_wait = until_status.map_or(LONGEST_WAIT, |time| (time / 2).min(LONGEST_WAIT));
            match failover.next(self.settings.random, longest_wait) {
                Step::Try(_) if left.is_zero() => break,
                Step::Try(candidate) if self.is_deferred(request, candidate, now) => {
                    failover.defer(candidate)
                }
                Step::Try(candidate) => match self.attempt(request, candidate, &failover).await {
                    Ok(answer) => {
                        let is_stream = matches!(answer, Answer::Events(_) | Answer::ChatEvents(_));
                        if let Some(endpoint) = self.endpoints.get(candidate.endpoint).filter(|_| is_stream) {
                            endpoint.first_events.observe(clock.instant().duration_since(began));
                        }
                        return Ok(answer);
                    }
                    Err(AttemptError { kind, error }) => {
                        let is_final = !failover.record(candidate, kind);
                        // Prefer an error with Retry-After over another endpoint's error without one.
                        let is_preferred =
                            |(at, kept): &(usize, Error)| *at != candidate.endpoint && has_retry_after(kept);
                        let keeps_last = match kind {
                            // What an upstream that may have the model said is more useful.
                            AttemptErrorKind::NoModel => last.is_some(),
                            _ => last.as_ref().is_some_and(is_preferred) && !has_retry_after(&error),
                        };
                        if has_header(&error, &X_SHOULD_RETRY, "false") {
                            failover.exclude(candidate.endpoint);
                        }
                        if is_final || !keeps_last {
                            last = Some((candidate.endpoint, error));
                        }
                        if is_final {
                            break;
                        }
                    }
                },
                Step::Pause(pause) if pause < left => sleep(pause).await,
                Step::Wake(at, pause, at_least) => {
                    let Some(endpoint) = self.endpoints.get(at) else { break };
                    let until = *wake_until.get_or_insert_with(|| now + self.settings.timeouts.wake);
                    let left = left.min(until.saturating_duration_since(now));
                    if pause.unwrap_or_default() >= left {
                        break;
                    }
                    let pool = &self.settings.pool;
                    let waking = endpoint.waker.wait(pool, &endpoint.upstream, pause, &mut lead);
                    if timeout(left, waking).await.is_err() {
                        break;
                    }
                    if pause.is_none() {
                        sleep_until((now + at_least.min(left)).into()).await;
                    }
                }
                Step::Pause(_) | Step::Stop => break,
            }
        }
        Err(last.map_or_else(unavailable, |(_, error)| error))
    }

    /// Removes the upstreams' keys, and the payer's token, from an error that an upstream reported.
    pub(crate) fn hide_keys(&self, payer: Option<&PayerToken>, error: &mut Error) {
        let keys = self.endpoints.iter().filter_map(|endpoint| endpoint.upstream.key.as_ref()?.text());
        keys.chain(payer.map(PayerToken::text)).for_each(|key| hide(key, error));
    }

    /// Whether a candidate's circuit breaker is open, and others come first.
    fn is_deferred(&self, request: &UpstreamRequest, candidate: Candidate, now: Instant) -> bool {
        let endpoint = self.endpoints.get(candidate.endpoint).filter(|_| !candidate.forced);
        let open = endpoint.filter(|endpoint| !endpoint.breaker.allows(&request.model, now));
        if let Some(endpoint) = open {
            endpoint.counts.add(&request.model, SKIPPED);
        }
        open.is_some()
    }

    /// One attempt, counted. Of a request's failures at an endpoint only the one in the first round counts
    /// for the circuit breaker, so that two unlucky requests cannot open it for everyone.
    async fn attempt(
        &self,
        request: &UpstreamRequest,
        candidate: Candidate,
        failover: &Failover,
    ) -> Result<Answer, AttemptError> {
        let Some(endpoint) = self.endpoints.get(candidate.endpoint) else {
            return Err(AttemptError { kind: AttemptErrorKind::Unreachable, error: unavailable() });
        };
        let GroupSettings { pool, bill_to, timeouts, clock, .. } = &self.settings;
        let began = clock.instant();
        let until = timeouts.of_attempt(request, began, failover.has_more());
        let attempt = Attempt {
            request,
            upstream: &endpoint.upstream,
            pool,
            bill_to: bill_to.as_ref(),
            without_pin: candidate.without_pin,
            sent_once: !request.repeatable || failover.repeats(),
            habits: &endpoint.habits,
            clock: *clock,
        };
        let mut result = attempt.run(until).await;
        let runs_model = request.method != Method::GET;
        let payer = request.payer.as_ref();
        if let Err(AttemptError { error, .. }) = &mut result {
            self.hide_keys(payer, error);
        }
        if let Some(payer) = payer.filter(|_| endpoint.upstream.is_hugging_face()) {
            match &mut result {
                // Anyone may read the list of models.
                Ok(_) if runs_model => payer.accept(clock.instant()),
                Ok(_) => {}
                Err(AttemptError { error, .. }) => payer.explain(error, clock.instant()),
            }
        }
        let failure = result.as_ref().err().map(|error| error.kind);
        endpoint.counts.add(&request.model, outcome(failure));
        let now = clock.instant();
        if failure.is_none() {
            endpoint.durations.observe(now.duration_since(began));
        }
        let health = match failure {
            Some(AttemptErrorKind::NoModel) if runs_model && self.endpoints.len() > 1 => Health::ModelMissing,
            Some(AttemptErrorKind::NoModel | AttemptErrorKind::NotHeld) | None => Health::Works,
            Some(_) if failover.repeats() => return result,
            // The client may set a short deadline, so reaching it shows nothing about the upstream.
            Some(AttemptErrorKind::Silent) if now >= request.deadline => Health::Unknown,
            Some(AttemptErrorKind::Unreachable) => Health::UpstreamFails,
            Some(AttemptErrorKind::Broken | AttemptErrorKind::Silent) => Health::ModelFails,
            Some(AttemptErrorKind::Status(status, _)) => match is_failure(status) {
                true => Health::ModelFails,
                false => Health::Works,
            },
            // It responds, but not to this request.
            Some(AttemptErrorKind::Asleep(_) | AttemptErrorKind::Unfit) => Health::Unknown,
        };
        let model = if runs_model { request.model.as_str() } else { "" };
        if let Some(is_open) = endpoint.breaker.record(model, health, now) {
            let cause = result.as_ref().err().and_then(|failed| failed.error.cause.as_deref());
            let message = if is_open { "circuit breaker opened" } else { "circuit breaker closed" };
            self.settings.log.warn(
                message,
                &[
                    ("upstream", Value::Str(&format!("{:?}", endpoint.upstream))),
                    ("model", Value::Str(model)),
                    ("cause", Value::Str(cause.unwrap_or("an upstream's response"))),
                ],
            );
        }
        result
    }

    /// Whether some endpoints are replicas, so that a request's affinity matters.
    pub(crate) fn has_replicas(&self) -> bool {
        let ranks = self.endpoints.iter().map(|endpoint| endpoint.upstream.rank);
        ranks.clone().zip(ranks.skip(1)).any(|(one, next)| one == next)
    }

    /// The ids that the operator assigns to endpoints.
    pub(crate) fn model_ids(&self) -> impl Iterator<Item = &str> {
        self.endpoints.iter().flat_map(|endpoint| endpoint.upstream.models.ids())
    }

    /// Whether requests for a model may go to the endpoint at this place.
    pub(crate) fn serves(&self, at: usize, model: &str) -> bool {
        self.endpoints.get(at).is_some_and(|endpoint| endpoint.upstream.models.fit(model).is_some())
    }

    /// Records the models that the endpoint at this place lists.
    pub(crate) fn record_list<'a>(&self, at: usize, ids: impl Iterator<Item = &'a str>) {
        if let Some(endpoint) = self.endpoints.get(at) {
            endpoint.record_list(ids);
        }
    }

    /// The endpoints, in the order of preference.
    pub(super) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }
}
