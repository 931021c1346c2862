//! `MAX_CONCURRENT`: how many requests are at the upstreams at once, with a short queue in front. A request
//! that finds the queue full or waits too long gets 429 with `Retry-After`, which is better than a late
//! response.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use space_kit::header::RETRY_AFTER;
use space_kit::{Error, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// The slots of the service.
#[derive(Debug)]
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    count: usize,
    waiting: AtomicUsize,
    queue_length: usize,
    queue_timeout: Duration,
}

/// A slot in use. Dropping it frees the slot: keep it as long as the response body.
#[derive(Debug)]
#[must_use = "dropping a slot frees it"]
pub(crate) struct Slot(#[allow(dead_code)] OwnedSemaphorePermit);

impl Slots {
    /// `count` slots, and a queue of `queue_length` requests that wait for at most `queue_timeout`.
    pub(crate) fn new(count: usize, queue_length: usize, queue_timeout: Duration) -> Slots {
        let count = count.min(Semaphore::MAX_PERMITS);
        let free = Arc::new(Semaphore::new(count));
        Slots { free, count, waiting: AtomicUsize::new(0), queue_length, queue_timeout }
    }

    /// Takes a slot, at once or in the order of the queue. Dropping the future leaves the queue.
    ///
    /// # Errors
    ///
    /// 429 with `Retry-After` if the queue is full, or if no slot is free within the queue timeout.
    pub(crate) async fn acquire(&self) -> Result<Slot, Error> {
        // The semaphore gives a free slot to the first waiter, so this cannot jump the queue.
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Ok(Slot(permit));
        }
        let enter = |waiting| (waiting < self.queue_length).then_some(waiting + 1);
        if self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, enter).is_err() {
            return Err(self.overloaded("all slots are in use and the queue is full"));
        }
        let _place = Place(&self.waiting);
        match timeout(self.queue_timeout, self.free.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Slot(permit)),
            _ => Err(self.overloaded("all slots stayed in use for the longest time that a request may wait")),
        }
    }

    /// The slots in use.
    pub(crate) fn in_use(&self) -> usize {
        self.count.saturating_sub(self.free.available_permits())
    }

    /// The requests in the queue.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// After the queue timeout, every request that is in the queue now has left it.
    fn overloaded(&self, reason: &'static str) -> Error {
        let seconds = self.queue_timeout.as_secs_f64().ceil().clamp(1.0, 60.0) as u64;
        Error::new(StatusCode::TOO_MANY_REQUESTS, "overloaded", format!("{reason}; try again in {seconds} s"))
            .header(RETRY_AFTER, seconds.into())
    }
}

/// A place in the queue, given up when it is dropped.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
