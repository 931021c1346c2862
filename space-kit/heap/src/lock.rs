//! A lock that spins. It is almost always free: only the thread that looks up host names competes with the one that
//! serves. std's mutex takes three times as many instructions.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};

/// A value that one thread uses at a time.
pub(crate) struct Lock<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `Lock::with` is the only way to the value, and lets in one thread at a time. `T` need not be `Send`: the heap
// holds raw pointers that belong to no thread.
unsafe impl<T> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Lock<T> {
        Lock { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Runs `act` with the value; other threads wait until it returns or panics. `act` must not call `with` again: it
    /// would wait for itself.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut T) -> R) -> R {
        while self.held.swap(true, Acquire) {
            std::thread::yield_now();
        }
        let _release = Guard(&self.held);
        // SAFETY: `held` was false and stays true until the guard is dropped, so this is the only reference.
        act(unsafe { &mut *self.value.get() })
    }
}

/// Releases the lock when dropped, so that a panic inside does not leave all other threads waiting.
struct Guard<'a>(&'a AtomicBool);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(panic = "unwind")]
    fn a_panic_releases_the_lock() {
        use std::panic::{AssertUnwindSafe, catch_unwind};
        let lock = Lock::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| lock.with(|_| panic!("inside"))));
        assert!(panicked.is_err());
        assert_eq!(lock.with(|value| *value), 1, "the lock is free again");
    }

    #[test]
    fn threads_take_turns() {
        let lock = Lock::new(0_u32);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| lock.with(|count| *count += 1)));
            }
        });
        assert_eq!(lock.with(|count| *count), 4000);
    }
}
