//! Blocks of 1 to 16 KiB that were given back and wait to be used again.
//!
//! musl's malloc gives such blocks back to the system and asks for them again with each request: hyper's read
//! buffers, boxed futures. That is three system calls a request and a page fault for each.

use std::alloc::Layout;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Sizes are rounded up to a multiple of this many bytes, so that blocks are of few sizes.
const STEP: usize = 1024;
const SIZES: usize = 16;
/// Blocks of each size that wait: as many as connections that are busy at once, or few more. 4 MiB at most.
const PLACES: usize = 32;
/// What `malloc` promises for every block.
const ALIGN: usize = 16;

/// The blocks that wait. Whoever puts one in gives it up, and whoever takes one out owns it.
pub(crate) struct Spares([[AtomicPtr<u8>; PLACES]; SIZES]);

impl Spares {
    pub(crate) const fn new() -> Spares {
        Spares([const { [const { AtomicPtr::new(ptr::null_mut()) }; PLACES] }; SIZES])
    }

    /// The layout that the block for `layout` is to have where such blocks are kept: at least as large.
    pub(crate) fn rounded(layout: Layout) -> Option<Layout> {
        let is_kept = layout.size() > STEP && layout.size() <= STEP * SIZES && layout.align() <= ALIGN;
        let size = layout.size().checked_next_multiple_of(STEP).filter(|_| is_kept)?;
        Layout::from_size_align(size, ALIGN).ok()
    }

    /// A block of this rounded layout, or null where none waits.
    pub(crate) fn take(&self, rounded: Layout) -> *mut u8 {
        let waiting = self.places(rounded).iter().filter(|place| !place.load(Ordering::Relaxed).is_null());
        let mut taken = waiting.map(|place| place.swap(ptr::null_mut(), Ordering::Acquire));
        taken.find(|block| !block.is_null()).unwrap_or(ptr::null_mut())
    }

    /// Keeps a block of this rounded layout; false where there is no place for it.
    pub(crate) fn keep(&self, block: *mut u8, rounded: Layout) -> bool {
        let put = |place: &AtomicPtr<u8>| {
            place.compare_exchange(ptr::null_mut(), block, Ordering::Release, Ordering::Relaxed).is_ok()
        };
        self.places(rounded).iter().any(put)
    }

    fn places(&self, rounded: Layout) -> &[AtomicPtr<u8>] {
        self.0.get(rounded.size() / STEP - 1).map_or(&[], |places| places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounded(size: usize) -> Option<usize> {
        Spares::rounded(Layout::from_size_align(size, 8).unwrap()).map(|layout| layout.size())
    }

    #[test]
    fn sizes_from_1_to_16_kib_are_kept_and_rounded_up() {
        for (size, kept) in [
            (1, None),
            (1024, None),
            (1025, Some(2048)),
            (2048, Some(2048)),
            (8192, Some(8192)),
            (16_384, Some(16_384)),
            (16_385, None),
            (usize::MAX / 4, None),
        ] {
            assert_eq!(rounded(size), kept, "{size}");
        }
        assert!(Spares::rounded(Layout::from_size_align(4096, 64).unwrap()).is_none());
    }

    #[test]
    fn a_block_is_given_out_once_and_no_more_are_kept_than_there_are_places() {
        let (spares, layout) = (Spares::new(), Layout::from_size_align(4096, ALIGN).unwrap());
        let mut bytes = [0_u8; PLACES + 1];
        let kept = bytes.iter_mut().map(|byte| spares.keep(byte, layout)).filter(|kept| *kept).count();
        assert_eq!(kept, PLACES);
        let other = Layout::from_size_align(5120, ALIGN).unwrap();
        assert!(spares.take(other).is_null(), "of another size");
        let taken: std::collections::BTreeSet<_> = (0..PLACES).map(|_| spares.take(layout)).collect();
        assert!(taken.len() == PLACES && !taken.contains(&ptr::null_mut()));
        assert!(spares.take(layout).is_null());
    }
}
