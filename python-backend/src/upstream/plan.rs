//! Which upstream to try next, and when to stop: failover as a pure state machine.

use std::collections::VecDeque;
use std::time::Duration;

use hyper::StatusCode;

/// Times that all routes are gone through.
const ROUNDS: u32 = 3;
/// The pause before round n is a random part (full jitter) of `BASE * 2^n`, at most `CAP`.
const BASE: Duration = Duration::from_millis(250);
const CAP: Duration = Duration::from_secs(8);
/// A longer Retry-After is passed on to the client instead of waited for: clients that stream nothing yet are
/// cut off by proxies after a minute.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// One way to an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    /// The upstream's place in the list.
    pub(crate) upstream: usize,
    /// With the provider's pin (`model:provider`) taken off the model's name.
    pub(crate) relaxed: bool,
}

/// How a try went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// No connection, or it broke off before there was an answer to pass on.
    Broken,
    /// Nothing came within the time for a first event.
    Silent,
    /// An answer, but not what was asked for.
    Unfit,
    /// Asleep or scaled to zero: it will come when it is woken. Or its model loads, for about so long.
    Asleep(Option<Duration>),
    /// The breaker is open: not tried.
    Skipped,
    /// An error status, with its Retry-After.
    Refused(StatusCode, Option<Duration>),
}

impl Outcome {
    /// Whether another try may give another result. What is wrong with the request or the account stays
    /// wrong elsewhere, and a content filter's 400 is not to be routed around.
    pub(crate) fn may_pass(self) -> bool {
        match self {
            Outcome::Refused(status, _) => {
                status.is_server_error()
                    || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
            }
            _ => true,
        }
    }
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Try this.
    Try(Route),
    /// Wait, then ask again.
    Pause(Duration),
    /// Wake this upstream, or wait while its model loads, then ask again.
    Wake(usize, Option<Duration>),
    /// Give the last error to the client.
    Stop,
}

/// The state of one request's tries.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Per upstream: the model's name has a pin that it understands.
    pinned: Vec<bool>,
    round: u32,
    queue: VecDeque<Route>,
    /// Per upstream: false once it went silent, or answered what it was not asked for.
    usable: Vec<bool>,
    asleep: Option<(usize, Option<Duration>)>,
    /// Times that something was woken and slept again. Waits for a model come to an end by the time they take.
    wakes: u32,
    wait: Duration,
    /// Whether anything was tried in this round.
    tried: bool,
}

impl Plan {
    /// A plan over one route per item of `pinned`, which says whether the model's name has a provider's pin
    /// that the upstream understands.
    pub(crate) fn new(pinned: Vec<bool>) -> Plan {
        let mut plan = Plan {
            round: 0,
            queue: VecDeque::new(),
            usable: vec![true; pinned.len()],
            pinned,
            asleep: None,
            wakes: 0,
            wait: Duration::ZERO,
            tried: false,
        };
        plan.fill();
        plan
    }

    /// The next step. `random` gives a number in 0..1.
    pub(crate) fn next(&mut self, random: impl FnOnce() -> f64) -> Step {
        if let Some(route) = self.queue.pop_front() {
            return Step::Try(route);
        }
        if let Some((upstream, pause)) = self.asleep.take().filter(|_| self.wakes < ROUNDS) {
            self.wakes += u32::from(pause.is_none());
            self.queue.push_back(Route { upstream, relaxed: false });
            return Step::Wake(upstream, pause);
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

    /// Notes how a try went; false means that its answer is final.
    pub(crate) fn note(&mut self, route: Route, outcome: Outcome) -> bool {
        self.tried |= outcome != Outcome::Skipped;
        match outcome {
            Outcome::Silent | Outcome::Unfit => {
                if let Some(usable) = self.usable.get_mut(route.upstream) {
                    *usable = false;
                }
            }
            Outcome::Asleep(pause) => self.asleep = self.asleep.or(Some((route.upstream, pause))),
            Outcome::Refused(_, wait) if outcome.may_pass() => {
                self.wait = self.wait.max(wait.unwrap_or_default());
                if !route.relaxed && self.pinned.get(route.upstream) == Some(&true) {
                    self.queue.push_front(Route { relaxed: true, ..route });
                }
            }
            _ => {}
        }
        outcome.may_pass()
    }

    /// Whether every upstream had its turn already.
    pub(crate) fn repeats(&self) -> bool {
        self.round > 0
    }

    /// Whether another upstream is still to be tried in this round.
    pub(crate) fn has_more(&self) -> bool {
        self.queue.iter().any(|route| !route.relaxed)
    }

    fn fill(&mut self) {
        let usable = self.usable.iter().enumerate().filter(|(_, usable)| **usable);
        self.queue.extend(usable.map(|(upstream, _)| Route { upstream, relaxed: false }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUSY: Outcome = Outcome::Refused(StatusCode::TOO_MANY_REQUESTS, None);

    /// Runs a plan whose every try ends as `outcome` says; gives the routes tried and the pauses.
    fn run(mut plan: Plan, outcome: impl Fn(Route) -> Outcome) -> (Vec<(usize, bool)>, Vec<Duration>) {
        let (mut tried, mut pauses) = (Vec::new(), Vec::new());
        loop {
            match plan.next(|| 1.0) {
                Step::Try(route) => {
                    tried.push((route.upstream, route.relaxed));
                    if !plan.note(route, outcome(route)) {
                        return (tried, pauses);
                    }
                }
                Step::Pause(pause) => pauses.push(pause),
                Step::Wake(upstream, _) => tried.push((upstream + 100, false)),
                Step::Stop => return (tried, pauses),
            }
        }
    }

    #[test]
    fn every_upstream_is_tried_in_order_for_three_rounds() {
        let (tried, pauses) = run(Plan::new(vec![false; 2]), |_| Outcome::Broken);
        assert_eq!(tried, [(0, false), (1, false)].repeat(3));
        assert_eq!(pauses, [Duration::from_millis(500), Duration::from_secs(1)]);
    }

    #[test]
    fn what_is_wrong_with_the_request_or_the_account_is_final() {
        for status in [400, 401, 402, 403, 404, 413, 422] {
            let status = StatusCode::from_u16(status).unwrap();
            let (tried, _) = run(Plan::new(vec![true; 2]), |_| Outcome::Refused(status, None));
            assert_eq!(tried, [(0, false)], "{status}");
        }
    }

    #[test]
    fn a_silent_or_unfit_upstream_is_never_tried_again() {
        for outcome in [Outcome::Silent, Outcome::Unfit] {
            let (tried, _) =
                run(
                    Plan::new(vec![false; 2]),
                    |route| {
                        if route.upstream == 0 { outcome } else { Outcome::Broken }
                    },
                );
            assert_eq!(tried, [(0, false), (1, false), (1, false), (1, false)]);
            assert_eq!(run(Plan::new(vec![false; 1]), |_| outcome).0, [(0, false)]);
        }
    }

    #[test]
    fn a_pin_is_relaxed_on_the_same_upstream_first() {
        let (tried, _) = run(Plan::new(vec![true; 2]), |_| BUSY);
        assert_eq!(tried[..4], [(0, false), (0, true), (1, false), (1, true)]);
    }

    #[test]
    fn a_retry_after_is_kept_and_a_long_one_is_passed_on() {
        let after = |seconds| {
            move |_| Outcome::Refused(StatusCode::TOO_MANY_REQUESTS, Some(Duration::from_secs(seconds)))
        };
        let (_, pauses) = run(Plan::new(vec![false; 1]), after(7));
        assert_eq!(pauses, [Duration::from_secs(7); 2]);
        assert_eq!(run(Plan::new(vec![false; 1]), after(16)).0.len(), 1);
    }

    #[test]
    fn a_sleeper_is_woken_only_when_nobody_else_answers() {
        let (tried, _) = run(Plan::new(vec![false; 2]), |route| {
            if route.upstream == 0 {
                Outcome::Asleep(None)
            } else {
                Outcome::Refused(StatusCode::BAD_REQUEST, None)
            }
        });
        assert_eq!(tried, [(0, false), (1, false)]);
        let (tried, _) = run(Plan::new(vec![false; 1]), |_| Outcome::Asleep(None));
        assert_eq!(tried[..3], [(0, false), (100, false), (0, false)]);
    }

    #[test]
    fn a_model_that_loads_is_waited_for_as_often_as_it_takes() {
        let pause = Some(Duration::from_secs(1));
        let mut plan = Plan::new(vec![false; 1]);
        for _ in 0..100 {
            let Step::Try(route) = plan.next(|| 1.0) else { panic!("a try") };
            assert!(plan.note(route, Outcome::Asleep(pause)));
            assert_eq!(plan.next(|| 1.0), Step::Wake(0, pause));
        }
    }

    #[test]
    fn open_breakers_everywhere_end_it_at_once() {
        assert_eq!(run(Plan::new(vec![false; 3]), |_| Outcome::Skipped).0.len(), 3);
    }
}
