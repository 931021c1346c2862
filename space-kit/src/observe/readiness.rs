//! Readiness: a service is ready when every latch is dropped, and until it drains.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What `/health/ready` returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// At least one latch is still held.
    Starting,
    /// The service accepts requests.
    Ready,
    /// A shutdown has begun.
    Draining,
}

impl Status {
    /// The word in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Starting => "starting",
            Status::Ready => "ok",
            Status::Draining => "draining",
        }
    }
}

/// The readiness of a service. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    pending: Vec<&'static str>,
    draining: bool,
}

impl Readiness {
    /// Keeps the service unready until the latch is dropped. `name` appears in `/health`.
    pub fn latch(&self, name: &'static str) -> Latch {
        self.lock().pending.push(name);
        Latch { readiness: self.clone(), name }
    }

    /// Marks the service as draining, permanently.
    pub fn drain(&self) {
        self.lock().draining = true;
    }

    /// The current status.
    pub fn status(&self) -> Status {
        let state = self.lock();
        match (state.draining, state.pending.is_empty()) {
            (true, _) => Status::Draining,
            (false, false) => Status::Starting,
            (false, true) => Status::Ready,
        }
    }

    /// The names of the held latches.
    pub fn pending(&self) -> Vec<&'static str> {
        self.lock().pending.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a service unready while it is held.
#[derive(Debug)]
#[must_use = "dropping the latch makes the service ready"]
pub struct Latch {
    readiness: Readiness,
    name: &'static str,
}

impl Drop for Latch {
    fn drop(&mut self) {
        let mut state = self.readiness.lock();
        if let Some(at) = state.pending.iter().position(|name| *name == self.name) {
            state.pending.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_ready_when_no_latch_is_held_and_it_does_not_drain() {
        let readiness = Readiness::default();
        assert_eq!(readiness.status(), Status::Ready);
        let (one, two) = (readiness.latch("one"), readiness.latch("two"));
        drop(one);
        assert_eq!((readiness.status(), readiness.pending()), (Status::Starting, vec!["two"]));
        drop(two);
        assert_eq!(readiness.status(), Status::Ready);
        readiness.drain();
        assert_eq!(readiness.status(), Status::Draining);
    }
}
