//! Failover as a pure state machine: which endpoint is tried next, and when to stop.

use std::collections::VecDeque;
use std::time::Duration;

use hyper::StatusCode;

/// The pause before round n is a random part, half or more, of `BASE * 2^n`, or of `CAP` if that is less.
const BASE: Duration = Duration::from_millis(250);
const CAP: Duration = Duration::from_secs(8);
/// A longer Retry-After is forwarded to the client instead of waited for, because proxies abort a request
/// without a response after about a minute.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// An endpoint that may have the request's model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    /// The endpoint's index in the group.
    pub(super) endpoint: usize,
    /// The model's name has a provider's pin that the endpoint understands.
    pub(super) is_pinned: bool,
}

/// An endpoint to try, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The endpoint's index in the group.
    pub(super) endpoint: usize,
    /// Send the model's name without the provider's pin (`model:provider`).
    pub(super) without_pin: bool,
    /// Try it even if its circuit breaker is open, because no other endpoint is left.
    pub(super) forced: bool,
}

/// How often one request may be tried, at all endpoints together and for all reasons.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) tries: usize,
    /// Whether the client itself repeats a request. Then no endpoint is tried twice, because the attempts of
    /// both would multiply.
    pub(super) client_repeats: bool,
    /// Whether the request may be sent again after an upstream may have processed it.
    pub(super) repeatable: bool,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AttemptErrorKind {
    /// No connection, so nothing was sent.
    Unreachable,
    /// The connection broke before the response could be forwarded.
    Broken,
    /// Nothing arrived in time.
    Silent,
    /// A valid response of another kind than requested.
    Unfit,
    /// A valid response for which there is no memory here.
    NotHeld,
    /// Asleep or scaled to zero, and wakes on request; or its model is loading, for about this long.
    Asleep(Option<Duration>),
    /// It does not have the model.
    NoModel,
    /// An error status, with its Retry-After.
    Status(StatusCode, Option<Duration>),
}

impl AttemptErrorKind {
    /// Whether another attempt may have another result. A fault of the request or the account is the same
    /// everywhere, and the 400 of a content filter must not be bypassed.
    fn is_temporary(self) -> bool {
        match self {
            AttemptErrorKind::Status(status, _) => {
                is_failure(status)
                    || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            }
            AttemptErrorKind::NotHeld => false,
            _ => true,
        }
    }

    /// Whether the upstream certainly did not process the request.
    fn is_refusal(self) -> bool {
        match self {
            AttemptErrorKind::Unreachable | AttemptErrorKind::Asleep(_) | AttemptErrorKind::NoModel => true,
            AttemptErrorKind::Status(status, wait) => {
                status == StatusCode::TOO_MANY_REQUESTS
                    || status == StatusCode::SERVICE_UNAVAILABLE && wait.is_some()
            }
            _ => false,
        }
    }
}

/// Whether a status says that the upstream failed. 501 and 505 say that it lacks what the request needs, so that it
/// works and another attempt has the same result.
pub(super) fn is_failure(status: StatusCode) -> bool {
    let lacks = matches!(status, StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    status.is_server_error() && !lacks
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Try this.
    Try(Candidate),
    /// Wait, then ask for the next step.
    Pause(Duration),
    /// Wake this endpoint, or wait while its model loads for about this long. When at least the second time has
    /// passed too, ask for the next step.
    Wake(usize, Option<Duration>, Duration),
    /// Return the last error to the client.
    Stop,
}

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Failover {
    /// In the order in which they are tried, without those that were silent, unfit or do not have the model.
    choices: Vec<Choice>,
    /// What is left of it.
    budget: Budget,
    round: u32,
    queue: VecDeque<Candidate>,
    /// Candidates whose circuit breaker is open. They are tried when no other is left.
    deferred: VecDeque<Candidate>,
    asleep: Option<(usize, Option<Duration>)>,
    /// How often an endpoint was woken.
    wakes: u32,
    wait: Duration,
    /// Whether an endpoint whose circuit breaker is closed was tried in this round.
    tried: bool,
}

impl Failover {
    /// Failover among these endpoints, in this order.
    pub(super) fn new(choices: Vec<Choice>, budget: Budget) -> Failover {
        let mut failover = Failover {
            budget,
            round: 0,
            queue: VecDeque::new(),
            deferred: VecDeque::new(),
            choices,
            asleep: None,
            wakes: 0,
            wait: Duration::ZERO,
            tried: false,
        };
        failover.fill();
        failover
    }

    /// The next step. `random` returns a number from 0 to 1. A Retry-After above `longest_wait` is not waited
    /// for.
    pub(super) fn next(&mut self, random: impl FnOnce() -> f64, longest_wait: Duration) -> Step {
        if self.budget.tries == 0 {
            return Step::Stop;
        }
        if let Some(candidate) = self.queue.pop_front().or_else(|| self.deferred.pop_front()) {
            return Step::Try(candidate);
        }
        let backoff = |n: u32| {
            let longest = BASE.saturating_mul(2_u32.saturating_pow(n)).min(CAP);
            longest.mul_f64(random().clamp(0.0, 1.0) / 2.0 + 0.5)
        };
        if let Some((endpoint, pause)) = self.asleep.take()
            && (pause.is_some() || !self.budget.client_repeats || self.wakes == 0)
        {
            self.wakes += u32::from(pause.is_none());
            self.queue.push_back(Candidate { endpoint, without_pin: false, forced: true });
            // What says that it is awake and goes on failing must not be tried without a pause.
            return Step::Wake(endpoint, pause, backoff(self.wakes));
        }
        self.round += 1;
        if self.budget.client_repeats || !self.tried || self.wait > longest_wait {
            return Step::Stop;
        }
        self.tried = false;
        self.fill();
        if self.queue.is_empty() {
            return Step::Stop;
        }
        Step::Pause(std::mem::take(&mut self.wait).max(backoff(self.round)))
    }

    /// Defers a candidate whose circuit breaker is open until no other is left.
    pub(super) fn defer(&mut self, candidate: Candidate) {
        self.deferred.push_back(Candidate { forced: true, ..candidate });
    }

    /// Does not try an endpoint again.
    pub(super) fn exclude(&mut self, endpoint: usize) {
        self.choices.retain(|choice| choice.endpoint != endpoint);
        for list in [&mut self.queue, &mut self.deferred] {
            list.retain(|candidate| candidate.endpoint != endpoint);
        }
    }

    /// Records a failed attempt. False means that its error is final.
    pub(super) fn record(&mut self, candidate: Candidate, error: AttemptErrorKind) -> bool {
        self.tried |= !candidate.forced;
        // Waits for a loading model are limited by the time to wake instead.
        if !matches!(error, AttemptErrorKind::Asleep(Some(_))) {
            self.budget.tries = self.budget.tries.saturating_sub(1);
        }
        match error {
            AttemptErrorKind::Silent | AttemptErrorKind::Unfit | AttemptErrorKind::NoModel => {
                self.exclude(candidate.endpoint)
            }
            AttemptErrorKind::Asleep(pause) => {
                self.asleep = self.asleep.or(Some((candidate.endpoint, pause)))
            }
            AttemptErrorKind::Status(_, wait) if error.is_temporary() => {
                self.wait = self.wait.max(wait.unwrap_or_default());
                let is_pinned = |choice: &Choice| choice.endpoint == candidate.endpoint && choice.is_pinned;
                if !candidate.without_pin && self.choices.iter().any(is_pinned) {
                    self.queue.push_front(Candidate { without_pin: true, ..candidate });
                }
            }
            _ => {}
        }
        error.is_temporary() && (self.budget.repeatable || error.is_refusal())
    }

    /// Whether every endpoint has been tried once.
    pub(super) fn repeats(&self) -> bool {
        self.round > 0
    }

    /// Whether another endpoint will be tried in this round, if this try fails.
    pub(super) fn has_more(&self) -> bool {
        let mut others = self.queue.iter().chain(&self.deferred);
        self.budget.tries > 1 && others.any(|candidate| !candidate.without_pin)
    }

    fn fill(&mut self) {
        let candidate =
            |choice: &Choice| Candidate { endpoint: choice.endpoint, without_pin: false, forced: false };
        self.queue.extend(self.choices.iter().map(candidate));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: AttemptErrorKind = AttemptErrorKind::Status(StatusCode::TOO_MANY_REQUESTS, None);

    const BUDGET: Budget = Budget { tries: 3, client_repeats: false, repeatable: true };

    /// The first `count` endpoints, in order.
    fn all(count: usize, is_pinned: bool) -> Vec<Choice> {
        (0..count).map(|endpoint| Choice { endpoint, is_pinned }).collect()
    }

    /// Runs a failover in which every attempt fails with `error`. Returns the candidates tried and the
    /// pauses.
    fn run(
        mut failover: Failover,
        error: impl Fn(Candidate) -> AttemptErrorKind,
    ) -> (Vec<(usize, bool)>, Vec<Duration>) {
        let (mut tried, mut pauses) = (Vec::new(), Vec::new());
        loop {
            match failover.next(|| 1.0, LONGEST_WAIT) {
                Step::Try(candidate) => {
                    tried.push((candidate.endpoint, candidate.without_pin));
                    if !failover.record(candidate, error(candidate)) {
                        return (tried, pauses);
                    }
                }
                Step::Pause(pause) => pauses.push(pause),
                Step::Wake(endpoint, ..) => tried.push((endpoint + 100, false)),
                Step::Stop => return (tried, pauses),
            }
        }
    }

    #[test]
    fn endpoints_are_tried_in_order_within_one_budget() {
        for (endpoints, tries, expected) in [
            (2, 6, &[0, 1, 0, 1, 0, 1][..]),
            (2, 3, &[0, 1, 0]),
            (1, 3, &[0, 0, 0]),
            (4, 3, &[0, 1, 2]),
            (2, 1, &[0]),
        ] {
            let failover = Failover::new(all(endpoints, false), Budget { tries, ..BUDGET });
            let (tried, pauses) = run(failover, |_| AttemptErrorKind::Broken);
            assert_eq!(tried.iter().map(|(at, _)| *at).collect::<Vec<_>>(), expected);
            let all = [Duration::from_millis(500), Duration::from_secs(1)];
            assert_eq!(pauses, all[..pauses.len()]);
        }
    }

    #[test]
    fn a_request_that_the_client_repeats_is_tried_once_at_each_endpoint() {
        let budget = Budget { client_repeats: true, ..BUDGET };
        for kind in [AttemptErrorKind::Broken, BUSY] {
            assert_eq!(run(Failover::new(all(2, false), budget), |_| kind).0, [(0, false), (1, false)]);
        }
        let (tried, _) = run(Failover::new(all(1, false), budget), |_| AttemptErrorKind::Asleep(None));
        assert_eq!(tried, [(0, false), (100, false), (0, false)]);
    }

    #[test]
    fn a_pause_is_at_least_half_of_the_backoff() {
        let mut failover = Failover::new(all(1, false), BUDGET);
        let Step::Try(candidate) = failover.next(|| 0.0, LONGEST_WAIT) else { panic!("a try") };
        failover.record(candidate, AttemptErrorKind::Broken);
        assert_eq!(failover.next(|| 0.0, LONGEST_WAIT), Step::Pause(BASE));
    }

    #[test]
    fn a_fault_of_the_request_or_the_account_is_final() {
        for status in [400, 401, 402, 403, 404, 413, 422, 501, 505] {
            let status = StatusCode::from_u16(status).unwrap();
            let (tried, _) =
                run(Failover::new(all(2, true), BUDGET), |_| AttemptErrorKind::Status(status, None));
            assert_eq!(tried, [(0, false)], "{status}");
        }
    }

    #[test]
    fn a_silent_or_unfit_endpoint_is_not_tried_again() {
        for outcome in [AttemptErrorKind::Silent, AttemptErrorKind::Unfit] {
            let (tried, _) = run(Failover::new(all(2, false), BUDGET), |candidate| {
                if candidate.endpoint == 0 { outcome } else { AttemptErrorKind::Broken }
            });
            assert_eq!(tried, [(0, false), (1, false), (1, false)]);
            assert_eq!(run(Failover::new(all(1, false), BUDGET), |_| outcome).0, [(0, false)]);
        }
    }

    #[test]
    fn an_endpoint_without_the_model_is_left_for_the_next_and_not_tried_again() {
        let run = |kinds: [AttemptErrorKind; 3]| {
            let budget = Budget { tries: 4, repeatable: false, ..BUDGET };
            run(Failover::new(all(3, false), budget), |candidate| kinds[candidate.endpoint]).0
        };
        assert_eq!(run([AttemptErrorKind::NoModel; 3]), [(0, false), (1, false), (2, false)]);
        let tried = run([AttemptErrorKind::NoModel, BUSY, AttemptErrorKind::NoModel]);
        assert_eq!(tried, [(0, false), (1, false), (2, false), (1, false)]);
    }

    #[test]
    fn endpoints_are_tried_in_the_order_of_the_choices() {
        let mut choices = all(3, false);
        choices.rotate_left(1);
        choices.pop();
        let (tried, _) = run(Failover::new(choices, BUDGET), |_| AttemptErrorKind::Broken);
        assert_eq!(tried, [(1, false), (2, false), (1, false)]);
    }

    #[test]
    fn a_pin_is_dropped_at_the_same_endpoint_first() {
        let (tried, _) = run(Failover::new(all(2, true), Budget { tries: 4, ..BUDGET }), |_| BUSY);
        assert_eq!(tried[..4], [(0, false), (0, true), (1, false), (1, true)]);
    }

    #[test]
    fn a_retry_after_is_waited_for_and_a_long_one_ends_it() {
        let after = |seconds| {
            move |_| {
                AttemptErrorKind::Status(StatusCode::TOO_MANY_REQUESTS, Some(Duration::from_secs(seconds)))
            }
        };
        let (_, pauses) = run(Failover::new(all(1, false), BUDGET), after(7));
        assert_eq!(pauses, [Duration::from_secs(7); 2]);
        assert_eq!(run(Failover::new(all(1, false), BUDGET), after(16)).0.len(), 1);
    }

    #[test]
    fn an_endpoint_is_woken_only_if_no_other_answers() {
        let (tried, _) = run(Failover::new(all(2, false), BUDGET), |candidate| {
            if candidate.endpoint == 0 {
                AttemptErrorKind::Asleep(None)
            } else {
                AttemptErrorKind::Status(StatusCode::BAD_REQUEST, None)
            }
        });
        assert_eq!(tried, [(0, false), (1, false)]);
        let (tried, _) = run(Failover::new(all(1, false), BUDGET), |_| AttemptErrorKind::Asleep(None));
        let woken = [(0, false), (100, false), (0, false), (100, false), (0, false)];
        assert_eq!(tried, woken, "within the budget");
    }

    #[test]
    fn a_loading_model_is_waited_for_without_a_limit_on_attempts() {
        let pause = Some(Duration::from_secs(1));
        let mut failover = Failover::new(all(1, false), BUDGET);
        for _ in 0..100 {
            let Step::Try(candidate) = failover.next(|| 1.0, LONGEST_WAIT) else { panic!("a try") };
            assert!(failover.record(candidate, AttemptErrorKind::Asleep(pause)));
            assert!(matches!(failover.next(|| 1.0, LONGEST_WAIT), Step::Wake(0, wait, _) if wait == pause));
        }
    }

    #[test]
    fn an_open_breaker_defers_an_endpoint_and_refuses_nothing() {
        let run = |open: &[usize]| {
            let (mut failover, mut tried) =
                (Failover::new(all(3, false), Budget { tries: 9, ..BUDGET }), Vec::new());
            while let Step::Try(candidate) = failover.next(|| 1.0, LONGEST_WAIT) {
                if !candidate.forced && open.contains(&candidate.endpoint) {
                    failover.defer(candidate);
                } else {
                    tried.push(candidate.endpoint);
                    failover.record(candidate, AttemptErrorKind::Broken);
                }
            }
            tried
        };
        assert_eq!(run(&[0]), [1, 2, 0]);
        assert_eq!(run(&[0, 1, 2]), [0, 1, 2], "each is tried, once");
    }

    #[test]
    fn an_excluded_endpoint_is_not_tried_again_even_without_its_pin() {
        let mut failover = Failover::new(all(2, true), BUDGET);
        let Step::Try(candidate) = failover.next(|| 1.0, LONGEST_WAIT) else { panic!("a try") };
        failover.record(candidate, BUSY);
        failover.exclude(candidate.endpoint);
        let (tried, _) = run(failover, |_| AttemptErrorKind::Broken);
        assert_eq!(tried, [(1, false), (1, false)]);
    }

    #[test]
    fn what_cannot_be_repeated_is_tried_again_only_after_a_refusal() {
        let wait = Some(Duration::from_secs(1));
        for (kind, tries) in [
            (AttemptErrorKind::Broken, 1),
            (AttemptErrorKind::Silent, 1),
            (AttemptErrorKind::Unfit, 1),
            (AttemptErrorKind::Status(StatusCode::INTERNAL_SERVER_ERROR, wait), 1),
            (AttemptErrorKind::Status(StatusCode::SERVICE_UNAVAILABLE, None), 1),
            (AttemptErrorKind::Status(StatusCode::SERVICE_UNAVAILABLE, wait), 3),
            (AttemptErrorKind::Unreachable, 3),
            (BUSY, 3),
        ] {
            assert_eq!(
                run(Failover::new(all(1, false), Budget { repeatable: false, ..BUDGET }), |_| kind).0.len(),
                tries,
                "{kind:?}"
            );
        }
    }
}
