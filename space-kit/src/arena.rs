//! The allocator: what a start needs comes from one static block, everything after it from the system.
//!
//! musl's malloc maps pages of their own for each size that is asked for, and touches each page twice. Up to
//! the first answer that is 25 system calls and 45 page faults, more than half of all. From one block the same
//! memory lies side by side.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes: enough for a start and a first answer. Untouched pages of it take no memory.
const SIZE: usize = 64 * 1024;

/// Alignment of the block: what asks for more comes from the system.
const ALIGN: usize = 128; // tokio's tasks

#[global_allocator]
static ARENA: Arena = Arena::new();

#[repr(C, align(128))]
struct Block([MaybeUninit<u8>; SIZE]);

/// A block from which allocations are cut off one behind the other. What is freed is used again only if it
/// was the last.
struct Arena {
    block: UnsafeCell<Block>,
    used: AtomicUsize,
}

// SAFETY: no reference into `block` is ever made; `used` alone decides who owns which bytes, and it is atomic.
#[allow(unsafe_code)]
unsafe impl Sync for Arena {}

impl Arena {
    const fn new() -> Arena {
        Arena { block: UnsafeCell::new(Block([MaybeUninit::uninit(); SIZE])), used: AtomicUsize::new(0) }
    }

    fn start(&self) -> *mut u8 {
        self.block.get().cast()
    }

    /// Bytes that nobody else has until they are given back, or null when they do not fit.
    fn take(&self, layout: Layout) -> *mut u8 {
        let place = |used: usize| Some(used.checked_add(layout.align() - 1)? & !(layout.align() - 1));
        let end = |used| place(used)?.checked_add(layout.size()).filter(|&end| end <= SIZE);
        if layout.align() > ALIGN {
            return ptr::null_mut();
        }
        match self.used.fetch_update(Ordering::Acquire, Ordering::Relaxed, end) {
            Ok(before) => place(before).map_or(ptr::null_mut(), |at| self.start().wrapping_add(at)),
            Err(_) => ptr::null_mut(),
        }
    }

    /// Where in the block `ptr` lies, if it does.
    fn offset(&self, ptr: *mut u8) -> Option<usize> {
        ptr.addr().checked_sub(self.start().addr()).filter(|&at| at < SIZE)
    }

    fn give_back(&self, at: usize, size: usize) {
        // Only where it ends at `used` is it the last: whoever holds bytes holds `used` above them. Released here and
        // acquired in `take`, so that another thread uses these bytes after all that was done with them.
        _ = self.used.compare_exchange(at + size, at, Ordering::Release, Ordering::Relaxed);
    }
}

// SAFETY: bytes of the block are handed out once: `take` moves `used` over them in one atomic step, aligned
// and within the block, and `give_back` moves it back only over bytes whose one owner gives them up while
// nothing lies behind them. All else is the system's allocator, which gets back exactly what it gave:
// `offset` tells the two apart, for no allocation of the system overlaps a static.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Arena {
    #[inline(never)] // it is called from everywhere
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            // SAFETY: the caller's promise is passed on.
            null if null.is_null() => unsafe { System.alloc(layout) },
            taken => taken,
        }
    }

    #[inline(never)] // it is called from everywhere
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.take(layout) {
            // SAFETY: the caller's promise is passed on.
            null if null.is_null() => unsafe { System.alloc_zeroed(layout) },
            taken => {
                // SAFETY: `take` gave this many bytes to us alone.
                unsafe { taken.write_bytes(0, layout.size()) };
                taken
            }
        }
    }

    #[inline(never)] // it is called from everywhere
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        match self.offset(ptr) {
            Some(at) => self.give_back(at, layout.size()),
            // SAFETY: not in the block, so the system gave it with this layout.
            None => unsafe { System.dealloc(ptr, layout) },
        }
    }

    #[inline(never)] // it is called from everywhere
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.offset(ptr).is_none() {
            // SAFETY: not in the block, so the system gave it with this layout; `size` is the caller's promise.
            return unsafe { System.realloc(ptr, layout, size) };
        }
        // SAFETY: the caller promises that `size`, rounded up to the alignment, is no more than isize::MAX.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        // SAFETY: as `alloc`, `copy_nonoverlapping` and `dealloc` ask: two allocations, each at least as long as
        // what is copied, the old one given up after it.
        unsafe {
            let new = self.alloc(wanted);
            if !new.is_null() {
                new.copy_from_nonoverlapping(ptr, layout.size().min(size));
                self.dealloc(ptr, layout);
            }
            new
        }
    }
}

#[cfg(test)]
#[allow(unsafe_code)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_held_keeps_its_bytes_whatever_else_is_taken_grown_and_given_back(
            steps in prop::collection::vec((0..3u8, 1..6000usize, 0..9u32), 1..200),
        ) {
            let arena = Box::new(Arena::new());
            let mut held: Vec<(*mut u8, Layout, u8)> = Vec::new();
            for (count, (what, size, align)) in steps.into_iter().enumerate() {
                let (mark, layout) = (count as u8, Layout::from_size_align(size, 1 << align).unwrap());
                match (what, held.is_empty()) {
                    (1, false) => {
                        let (ptr, layout, _) = held.swap_remove(size % held.len());
                        // SAFETY: it was taken with this layout, and is no longer held.
                        unsafe { arena.dealloc(ptr, layout) };
                    }
                    (2, false) => {
                        let at = size % held.len();
                        let (ptr, layout, mark) = held[at];
                        let grown = Layout::from_size_align(size, layout.align()).unwrap();
                        // SAFETY: it was taken with this layout; the new size is above 0 and small; where it
                        // grew, the new bytes are within it.
                        let new = unsafe {
                            let new = arena.realloc(ptr, layout, size);
                            new.add(layout.size().min(size)).write_bytes(mark, size.saturating_sub(layout.size()));
                            new
                        };
                        held[at] = (new, grown, mark);
                    }
                    _ => {
                        // SAFETY: the size is above 0, and the bytes written are those that were taken.
                        let ptr = unsafe {
                            let ptr = arena.alloc_zeroed(layout);
                            assert!((0..size).all(|at| *ptr.add(at) == 0), "zeroed is zero, used before or not");
                            ptr.write_bytes(mark, size);
                            ptr
                        };
                        assert_eq!(ptr.addr() % layout.align(), 0);
                        held.push((ptr, layout, mark));
                    }
                }
                for (ptr, layout, mark) in &held {
                    // SAFETY: these bytes are held.
                    assert!((0..layout.size()).all(|at| unsafe { *ptr.add(at) } == *mark));
                }
            }
            for (ptr, layout, _) in held {
                // SAFETY: as above.
                unsafe { arena.dealloc(ptr, layout) };
            }
        }
    }

    #[test]
    fn the_block_comes_first_and_the_system_when_it_is_full() {
        let arena = Arena::new();
        let half = Layout::new::<[u8; SIZE / 2]>();
        let first = arena.take(half);
        assert_eq!(arena.offset(first), Some(0));
        let second = arena.take(half);
        assert_eq!(arena.offset(second), Some(SIZE / 2));
        assert!(arena.take(Layout::new::<u8>()).is_null(), "full");
        arena.give_back(0, SIZE / 2);
        assert!(arena.take(Layout::new::<u8>()).is_null(), "what is not the last stays taken");
        arena.give_back(SIZE / 2, SIZE / 2);
        assert_eq!(arena.offset(arena.take(Layout::new::<u8>())), Some(SIZE / 2), "the last is used again");
        assert!(
            arena.take(Layout::from_size_align(1, 4096).unwrap()).is_null(),
            "no more than ALIGN is kept"
        );
    }
}
