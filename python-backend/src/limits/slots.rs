//! `MAX_CONCURRENT`: how many requests are at the upstreams at once, with a short queue in front. A request
//! that finds the queue full or waits too long gets 429 with `Retry-After`, which is better than a late
//! response. No caller can take slots and queue from the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use space_kit::header::RETRY_AFTER;
use space_kit::{Error, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::shares::Shares;

/// Slots and places in the queue that a caller may have whatever is left for others: with a few slots, a single caller
/// uses them all.
const FEW: usize = 64;

/// The slots of the service.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    count: usize,
    /// The requests that have a slot or wait for one, by caller.
    requests: Arc<Mutex<Shares>>,
    queue_timeout: Duration,
}

/// A slot in use. Dropping it frees the slot: keep it as long as the response body.
#[derive(Debug)]
#[must_use = "dropping a slot frees it"]
#[allow(dead_code)] // held to be dropped
pub(crate) struct Slot(OwnedSemaphorePermit, Admission);

impl Slots {
    /// `count` slots, and a queue of `queue_length` requests that wait for at most `queue_timeout`.
    pub(crate) fn new(count: usize, queue_length: usize, queue_timeout: Duration) -> Slots {
        let count = count.min(Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(count));
        let requests = Arc::new(Mutex::new(Shares::new(count.saturating_add(queue_length))));
        Slots { free, count, requests, queue_timeout }
    }

    /// Takes a slot for a caller, at once or in the order of the queue. Dropping the future leaves the queue.
    ///
    /// # Errors
    ///
    /// 429 with `Retry-After` if the queue is full, if the caller's share is in use, or if no slot is free within the
    /// queue timeout.
    pub(crate) async fn acquire(&self, caller: u64) -> Result<Slot, Error> {
        if !lock(&self.requests).take(caller, 1, FEW) {
            return Err(self
                .overloaded("all slots are in use and the queue is full, or your share of both is in use"));
        }
        let admission = Admission { requests: self.requests.clone(), caller };
        // The semaphore gives a free slot to the first waiter, so this cannot jump the queue.
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Ok(Slot(permit, admission));
        }
        match timeout(self.queue_timeout, self.free.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Slot(permit, admission)),
            _ => Err(self.overloaded("all slots stayed in use for the longest time that a request may wait")),
        }
    }

    /// The slots in use.
    pub(crate) fn in_use(&self) -> usize {
        self.count.saturating_sub(self.free.available_permits())
    }

    /// The requests in the queue.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.requests).used.saturating_sub(self.in_use())
    }

    /// After the queue timeout, every request that is in the queue now has left it.
    fn overloaded(&self, reason: &'static str) -> Error {
        let seconds = self.queue_timeout.as_secs_f64().ceil().clamp(1.0, 60.0) as u64;
        Error::new(StatusCode::TOO_MANY_REQUESTS, "overloaded", format!("{reason}; try again in {seconds} s"))
            .header(RETRY_AFTER, seconds.into())
    }
}

/// A request of a caller that has a slot or waits for one, until it is dropped.
#[derive(Debug)]
struct Admission {
    requests: Arc<Mutex<Shares>>,
    caller: u64,
}

impl Drop for Admission {
    fn drop(&mut self) {
        lock(&self.requests).give(self.caller, 1);
    }
}

fn lock(requests: &Mutex<Shares>) -> MutexGuard<'_, Shares> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
