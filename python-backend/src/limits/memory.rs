//! `BODY_MEMORY`: the bytes that all request bodies may use together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use space_kit::header::RETRY_AFTER;
use space_kit::{Error, StatusCode};

/// A body is held until its response begins, or is complete if it is not streamed. That moment is unknown,
/// and a retry costs little.
const RETRY_SECONDS: u64 = 1;

/// The memory for request bodies. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct BodyMemory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limit: usize,
    used: AtomicUsize,
}

/// Bytes of the memory that are in use. Dropping it releases them: keep it as long as the body.
#[derive(Debug)]
#[must_use = "the bytes are free again when this is dropped"]
pub(crate) struct Reservation {
    shared: Arc<Shared>,
    bytes: usize,
}

impl BodyMemory {
    /// A memory of `limit` bytes.
    pub(crate) fn new(limit: usize) -> BodyMemory {
        BodyMemory(Arc::new(Shared { limit, used: AtomicUsize::new(0) }))
    }

    /// An empty reservation.
    pub(crate) fn reserve(&self) -> Reservation {
        Reservation { shared: self.0.clone(), bytes: 0 }
    }

    /// The bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }
}

impl Reservation {
    /// Reserves `more` bytes, for a chunk that has arrived. It does not wait, because a wait for other bodies
    /// could last forever.
    ///
    /// # Errors
    ///
    /// 429 with `Retry-After` if the memory is in use. Nothing is reserved then.
    pub(crate) fn grow(&mut self, more: usize) -> Result<(), Error> {
        let Shared { limit, used } = &*self.shared;
        let take = |used: usize| used.checked_add(more).filter(|used| used <= limit);
        if used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            let message = "the memory for request bodies is in use; try again in a second";
            return Err(Error::new(StatusCode::TOO_MANY_REQUESTS, "overloaded", message)
                .header(RETRY_AFTER, RETRY_SECONDS.into()));
        }
        self.bytes += more;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shared.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn beyond_the_limit_a_body_is_rejected_and_nothing_is_reserved() {
        let memory = BodyMemory::new(100);
        let (mut one, mut other) = (memory.reserve(), memory.reserve());
        one.grow(60).unwrap();
        let error = other.grow(41).unwrap_err();
        assert_eq!((error.status.as_u16(), error.code), (429, "overloaded"));
        assert_eq!(error.headers, [(RETRY_AFTER, 1_u64.into())]);
        assert_eq!((memory.used(), other.bytes), (60, 0));
        other.grow(40).unwrap();
        drop(one);
        assert_eq!(memory.used(), 40);
        other.grow(60).unwrap();
        assert_eq!((memory.used(), other.bytes), (100, 100));
    }

    #[test]
    fn a_huge_number_is_rejected() {
        let memory = BodyMemory::new(usize::MAX);
        let mut one = memory.reserve();
        one.grow(1).unwrap();
        assert!(one.grow(usize::MAX).is_err());
        assert_eq!(memory.used(), 1);
    }

    #[test]
    fn bodies_on_many_threads_stay_within_the_limit() {
        let memory = BodyMemory::new(1000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..10_000 {
                        let mut one = memory.reserve();
                        _ = one.grow(round % 400);
                        assert!(memory.used() <= 1000);
                    }
                });
            }
        });
        assert_eq!(memory.used(), 0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn the_bytes_in_use_are_those_of_the_live_reservations(
            limit in 0..500_usize, acts in prop::collection::vec((0..5_usize, 0..3_u8, 0..200_usize), 1..60),
        ) {
            let memory = BodyMemory::new(limit);
            let mut all: Vec<Reservation> = (0..5).map(|_| memory.reserve()).collect();
            for (which, act, bytes) in acts {
                let before = memory.used();
                match act {
                    0 | 1 => prop_assert_eq!(all[which].grow(bytes).is_ok(), before + bytes <= limit),
                    _ => all[which] = memory.reserve(),
                }
                prop_assert_eq!(memory.used(), all.iter().map(|one| one.bytes).sum::<usize>());
                prop_assert!(memory.used() <= limit);
            }
        }
    }
}
