//! What a connection is waiting for, and since when: the base of its time limits.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::settings::config::Config;

/// What a connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// For a first byte.
    Fresh,
    /// For the rest of a head.
    Head,
    /// For the handler, the request's body or the answer's.
    Serving,
    /// For the last bytes of an answer to leave.
    Flushing,
    /// For another request.
    Idle,
}

/// What a connection's driver, its socket and its requests know of each other. All of them run in one task,
/// so the atomics are never contended; they are atomics because tasks may move between threads.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    started: Instant,
    phase: AtomicU8,
    /// Milliseconds after `started` at which the phase began.
    since: AtomicU64,
    /// Like `since`, for a write that the peer does not take; `u64::MAX` while there is none.
    stalled: AtomicU64,
    body_pending: AtomicBool,
    received: AtomicU64,
}

const NEVER: u64 = u64::MAX;

/// How long a connection stays without a request while draining. A proxy may be sending one on a connection that
/// it kept: closed at once, that request would be lost, for a POST that was sent is not sent again.
const LAST_CALL: Duration = Duration::from_millis(500);

impl ConnectionState {
    pub(crate) fn new() -> ConnectionState {
        ConnectionState {
            started: Instant::now(),
            phase: AtomicU8::new(Phase::Fresh as u8),
            since: AtomicU64::new(0),
            stalled: AtomicU64::new(NEVER),
            body_pending: AtomicBool::new(false),
            received: AtomicU64::new(0),
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Fresh,
            1 => Phase::Head,
            2 => Phase::Serving,
            3 => Phase::Flushing,
            _ => Phase::Idle,
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.since.store(self.now(), Relaxed);
        self.phase.store(phase as u8, Relaxed);
    }

    /// Whether some of the request's body is still to come.
    pub(crate) fn body_pending(&self) -> bool {
        self.body_pending.load(Relaxed)
    }

    pub(crate) fn set_body_pending(&self, pending: bool) {
        self.body_pending.store(pending, Relaxed);
    }

    pub(crate) fn count_received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    /// The bytes of request bodies read since the last call.
    pub(crate) fn take_received(&self) -> u64 {
        self.received.swap(0, Relaxed)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    /// When the wait of now ends, if it has an end of its own. `draining` is when a drain began.
    pub(crate) fn deadline(&self, config: &Config, draining: Option<Instant>) -> Option<Instant> {
        let limit = match self.phase() {
            Phase::Fresh | Phase::Head => config.header_timeout,
            Phase::Idle => config.idle_timeout,
            Phase::Serving | Phase::Flushing => {
                let stalled = self.stalled.load(Relaxed);
                let at = (stalled != NEVER).then(|| self.started + Duration::from_millis(stalled))?;
                return Some(at + config.idle_timeout);
            }
        };
        let since = self.started + Duration::from_millis(self.since.load(Relaxed));
        match draining {
            Some(begun) if self.phase() != Phase::Head => {
                Some((since + limit).min(since.max(begun) + LAST_CALL))
            }
            _ => Some(since + limit),
        }
    }

    /// Notes whether a write got on.
    pub(crate) fn wrote<T>(&self, outcome: &Poll<io::Result<T>>) {
        match outcome {
            Poll::Ready(_) => self.stalled.store(NEVER, Relaxed),
            Poll::Pending if self.stalled.load(Relaxed) == NEVER => self.stalled.store(self.now(), Relaxed),
            Poll::Pending => {}
        }
    }
}
