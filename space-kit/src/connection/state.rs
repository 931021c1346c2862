//! What a connection is waiting for, and since when. Its time limits follow from that.

use std::io;
use std::os::fd::RawFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::framing::Violation;
use crate::crash::connections::Served;
use crate::settings::config::Config;

/// What a connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// The first byte.
    Fresh,
    /// The rest of a head.
    Head,
    /// The handler, the request's body or the response's body.
    Serving,
    /// The last bytes of a response to be sent.
    Flushing,
    /// Another request.
    Idle,
}

/// What a connection's driver, its socket and its requests share. All of them run in one task, so the atomics are never
/// contended; they are atomics because tasks may move between threads.
#[derive(Debug)]
pub(crate) struct ConnectionState {
    started: Instant,
    phase: AtomicU8,
    /// Milliseconds after `started` at which the phase began.
    since: AtomicU64,
    /// Like `since`, for a write that the client does not accept; `u64::MAX` if there is none.
    stalled: AtomicU64,
    received: AtomicU64,
    /// The requests that have begun.
    requests: AtomicU64,
    /// The first message that is not accepted, counted from 0, and why.
    violation: OnceLock<(u64, Violation)>,
    /// What is known of the connection after a crash.
    pub(crate) served: Served,
}

const NEVER: u64 = u64::MAX;

/// How long a connection without a request stays open while draining. A proxy may be sending a request on a kept
/// connection; if it were closed at once, that request would be lost, because a proxy does not retry a POST that it
/// has sent.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

impl ConnectionState {
    pub(crate) fn new(fd: RawFd) -> ConnectionState {
        ConnectionState {
            started: Instant::now(),
            phase: AtomicU8::new(Phase::Fresh as u8),
            since: AtomicU64::new(0),
            stalled: AtomicU64::new(NEVER),
            received: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            violation: OnceLock::new(),
            served: Served::new(fd),
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
        self.served.body_pending()
    }

    pub(crate) fn set_body_pending(&self, pending: bool) {
        self.served.set_body_pending(pending);
    }

    pub(crate) fn count_received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Relaxed);
    }

    /// The bytes of request bodies read since the last call.
    pub(crate) fn take_received(&self) -> u64 {
        self.received.swap(0, Relaxed)
    }

    /// Counts a request, and returns its number from 0.
    pub(crate) fn begin_request(&self) -> u64 {
        self.requests.fetch_add(1, Relaxed)
    }

    /// Notes that a message is not accepted. The first one counts.
    pub(crate) fn note(&self, message: u64, violation: Violation) {
        _ = self.violation.set((message, violation));
    }

    /// Why this message or an earlier one is not accepted.
    pub(crate) fn violation(&self, message: u64) -> Option<Violation> {
        self.violation.get().filter(|(at, _)| *at <= message).map(|(_, violation)| *violation)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(NEVER - 1)
    }

    /// When the current wait exceeds its limit, if it has one. `draining` is when the drain began.
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
                Some((since + limit).min(since.max(begun) + DRAIN_GRACE))
            }
            _ => Some(since + limit),
        }
    }

    /// Notes whether a write made progress.
    pub(crate) fn wrote<T>(&self, outcome: &Poll<io::Result<T>>) {
        match outcome {
            Poll::Ready(_) => self.stalled.store(NEVER, Relaxed),
            Poll::Pending if self.stalled.load(Relaxed) == NEVER => self.stalled.store(self.now(), Relaxed),
            Poll::Pending => {}
        }
    }
}
