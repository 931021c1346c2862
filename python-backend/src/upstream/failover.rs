//! Failover as a pure state machine: which endpoint is tried next, and when to stop.

use std::collections::VecDeque;
use std::time::Duration;

use hyper::StatusCode;

/// How often all endpoints are tried.
const ROUNDS: u32 = 3;
/// The pause before round n is a random part (full jitter) of `BASE * 2^n`, or of `CAP` if that is less.
const BASE: Duration = Duration::from_millis(250);
const CAP: Duration = Duration::from_secs(8);
/// A longer Retry-After is forwarded to the client instead of waited for, because proxies abort a request
/// without a response after about a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// An endpoint to try, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The endpoint's index in the group.
    pub(super) endpoint: usize,
    /// Send the model's name without the provider's pin (`model:provider`).
    pub(super) without_pin: bool,
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
    /// Asleep or scaled to zero, and wakes on request; or its model is loading, for about this long.
    Asleep(Option<Duration>),
    /// Not tried, because the circuit breaker is open.
    Skipped,
    /// An error status, with its Retry-After.
    Status(StatusCode, Option<Duration>),
}

impl AttemptErrorKind {
    /// Whether another attempt may have another result. A fault of the request or the account is the same
    /// everywhere, and the 400 of a content filter must not be bypassed.
    fn is_temporary(self) -> bool {
        match self {
            AttemptErrorKind::Status(status, _) => {
                status.is_server_error()
                    || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            }
            _ => true,
        }
    }

    /// Whether the upstream certainly did not process the request.
    fn is_refusal(self) -> bool {
        match self {
            AttemptErrorKind::Unreachable | AttemptErrorKind::Asleep(_) | AttemptErrorKind::Skipped => true,
            AttemptErrorKind::Status(status, wait) => {
                status == StatusCode::TOO_MANY_REQUESTS
                    || status == StatusCode::SERVICE_UNAVAILABLE && wait.is_some()
            }
            _ => false,
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Try this.
    Try(Candidate),
    /// Wait, then ask for the next step.
    Pause(Duration),
    /// Wake this endpoint, or wait while its model loads, then ask for the next step.
    Wake(usize, Option<Duration>),
    /// Return the last error to the client.
    Stop,
}

/// The attempts of one request.
#[derive(Debug)]
pub(super) struct Failover {
    /// Per endpoint: whether the model's name has a pin that it understands.
    pinned: Vec<bool>,
    /// Whether the request may be sent again after an upstream may have processed it.
    repeatable: bool,
    round: u32,
    queue: VecDeque<Candidate>,
    /// Per endpoint: false after it was silent or unfit.
    usable: Vec<bool>,
    asleep: Option<(usize, Option<Duration>)>,
    /// How often an endpoint was woken. Waits for a loading model are limited by the deadline instead.
    wakes: u32,
    wait: Duration,
    /// Whether an endpoint was tried in this round.
    tried: bool,
}

impl Failover {
    /// Failover among one endpoint per item of `pinned`, which tells whether the model's name has a
    /// provider's pin that the endpoint understands.
    pub(super) fn new(pinned: Vec<bool>, repeatable: bool) -> Failover {
        let mut failover = Failover {
            repeatable,
            round: 0,
            queue: VecDeque::new(),
            usable: vec![true; pinned.len()],
            pinned,
            asleep: None,
            wakes: 0,
            wait: Duration::ZERO,
            tried: false,
        };
        failover.fill();
        failover
    }

    /// The next step. `random` returns a number from 0 to 1.
    pub(super) fn next(&mut self, random: impl FnOnce() -> f64) -> Step {
        if let Some(candidate) = self.queue.pop_front() {
            return Step::Try(candidate);
        }
        if let Some((endpoint, pause)) = self.asleep.take().filter(|_| self.wakes < ROUNDS) {
            self.wakes += u32::from(pause.is_none());
            self.queue.push_back(Candidate { endpoint, without_pin: false });
            return Step::Wake(endpoint, pause);
        }
        self.round += 1;
        if self.round >= ROUNDS || !self.tried || self.wait > LONGEST_WAIT {
            return Step::Stop;
        }
        self.tried = false;
        self.fill();
        if self.queue.is_empty() {
            return Step::Stop;
        }
        let jitter = (BASE * 2_u32.pow(self.round)).min(CAP).mul_f64(random().clamp(0.0, 1.0));
        Step::Pause(std::mem::take(&mut self.wait).max(jitter))
    }

    /// Records a failed attempt. False means that its error is final.
    pub(super) fn record(&mut self, candidate: Candidate, error: AttemptErrorKind) -> bool {
        self.tried |= error != AttemptErrorKind::Skipped;
        match error {
            AttemptErrorKind::Silent | AttemptErrorKind::Unfit => {
                if let Some(usable) = self.usable.get_mut(candidate.endpoint) {
                    *usable = false;
                }
            }
            AttemptErrorKind::Asleep(pause) => {
                self.asleep = self.asleep.or(Some((candidate.endpoint, pause)))
            }
            AttemptErrorKind::Status(_, wait) if error.is_temporary() => {
                self.wait = self.wait.max(wait.unwrap_or_default());
                if !candidate.without_pin && self.pinned.get(candidate.endpoint) == Some(&true) {
                    self.queue.push_front(Candidate { without_pin: true, ..candidate });
                }
            }
            _ => {}
        }
        error.is_temporary() && (self.repeatable || error.is_refusal())
    }

    /// Whether every endpoint has been tried once.
    pub(super) fn repeats(&self) -> bool {
        self.round > 0
    }

    /// Whether another endpoint will be tried in this round.
    pub(super) fn has_more(&self) -> bool {
        self.queue.iter().any(|candidate| !candidate.without_pin)
    }

    fn fill(&mut self) {
        let usable = self.usable.iter().enumerate().filter(|(_, usable)| **usable);
        self.queue.extend(usable.map(|(endpoint, _)| Candidate { endpoint, without_pin: false }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: AttemptErrorKind = AttemptErrorKind::Status(StatusCode::TOO_MANY_REQUESTS, None);

    /// Runs a failover in which every attempt fails with `error`. Returns the candidates tried and the
    /// pauses.
    fn run(
        mut failover: Failover,
        error: impl Fn(Candidate) -> AttemptErrorKind,
    ) -> (Vec<(usize, bool)>, Vec<Duration>) {
        let (mut tried, mut pauses) = (Vec::new(), Vec::new());
        loop {
            match failover.next(|| 1.0) {
                Step::Try(candidate) => {
                    tried.push((candidate.endpoint, candidate.without_pin));
                    if !failover.record(candidate, error(candidate)) {
                        return (tried, pauses);
                    }
                }
                Step::Pause(pause) => pauses.push(pause),
                Step::Wake(endpoint, _) => tried.push((endpoint + 100, false)),
                Step::Stop => return (tried, pauses),
            }
        }
    }

    #[test]
    fn endpoints_are_tried_in_order_for_three_rounds() {
        let (tried, pauses) = run(Failover::new(vec![false; 2], true), |_| AttemptErrorKind::Broken);
        assert_eq!(tried, [(0, false), (1, false)].repeat(3));
        assert_eq!(pauses, [Duration::from_millis(500), Duration::from_secs(1)]);
    }

    #[test]
    fn a_fault_of_the_request_or_the_account_is_final() {
        for status in [400, 401, 402, 403, 404, 413, 422] {
            let status = StatusCode::from_u16(status).unwrap();
            let (tried, _) =
                run(Failover::new(vec![true; 2], true), |_| AttemptErrorKind::Status(status, None));
            assert_eq!(tried, [(0, false)], "{status}");
        }
    }

    #[test]
    fn a_silent_or_unfit_endpoint_is_not_tried_again() {
        for outcome in [AttemptErrorKind::Silent, AttemptErrorKind::Unfit] {
            let (tried, _) = run(Failover::new(vec![false; 2], true), |candidate| {
                if candidate.endpoint == 0 { outcome } else { AttemptErrorKind::Broken }
            });
            assert_eq!(tried, [(0, false), (1, false), (1, false), (1, false)]);
            assert_eq!(run(Failover::new(vec![false; 1], true), |_| outcome).0, [(0, false)]);
        }
    }

    #[test]
    fn a_pin_is_dropped_at_the_same_endpoint_first() {
        let (tried, _) = run(Failover::new(vec![true; 2], true), |_| BUSY);
        assert_eq!(tried[..4], [(0, false), (0, true), (1, false), (1, true)]);
    }

    #[test]
    fn a_retry_after_is_waited_for_and_a_long_one_ends_it() {
        let after = |seconds| {
            move |_| {
                AttemptErrorKind::Status(StatusCode::TOO_MANY_REQUESTS, Some(Duration::from_secs(seconds)))
            }
        };
        let (_, pauses) = run(Failover::new(vec![false; 1], true), after(7));
        assert_eq!(pauses, [Duration::from_secs(7); 2]);
        assert_eq!(run(Failover::new(vec![false; 1], true), after(16)).0.len(), 1);
    }

    #[test]
    fn an_endpoint_is_woken_only_if_no_other_answers() {
        let (tried, _) = run(Failover::new(vec![false; 2], true), |candidate| {
            if candidate.endpoint == 0 {
                AttemptErrorKind::Asleep(None)
            } else {
                AttemptErrorKind::Status(StatusCode::BAD_REQUEST, None)
            }
        });
        assert_eq!(tried, [(0, false), (1, false)]);
        let (tried, _) = run(Failover::new(vec![false; 1], true), |_| AttemptErrorKind::Asleep(None));
        assert_eq!(tried[..3], [(0, false), (100, false), (0, false)]);
    }

    #[test]
    fn a_loading_model_is_waited_for_without_a_limit_on_attempts() {
        let pause = Some(Duration::from_secs(1));
        let mut failover = Failover::new(vec![false; 1], true);
        for _ in 0..100 {
            let Step::Try(candidate) = failover.next(|| 1.0) else { panic!("a try") };
            assert!(failover.record(candidate, AttemptErrorKind::Asleep(pause)));
            assert_eq!(failover.next(|| 1.0), Step::Wake(0, pause));
        }
    }

    #[test]
    fn only_open_breakers_end_it_at_once() {
        assert_eq!(run(Failover::new(vec![false; 3], true), |_| AttemptErrorKind::Skipped).0.len(), 3);
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
            assert_eq!(run(Failover::new(vec![false; 1], false), |_| kind).0.len(), tries, "{kind:?}");
        }
    }
}
