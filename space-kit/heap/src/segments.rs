//! dlmalloc's segments: one static block for start-up, then mappings.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use dlmalloc::Allocator;

use crate::pages::{PAGE, map, unmap};

/// Bytes of a segment, and of the static block that is the first one: enough for start-up and a first response. A
/// segment returns to the kernel when nothing in it is in use, so shorter ones return sooner. Untouched pages take no
/// memory.
pub(crate) const SEGMENT: usize = 64 * 1024;

/// Where dlmalloc gets its memory from.
pub(crate) struct Segments {
    given: AtomicU32,
    /// While it is set, dlmalloc gets no segment, and so allocates only from those it has.
    pub(crate) closed: bool,
}

impl Segments {
    pub(crate) const fn new() -> Segments {
        Segments { given: AtomicU32::new(0), closed: false }
    }
}

#[repr(C, align(64))]
struct Block(UnsafeCell<[MaybeUninit<u8>; SEGMENT]>);

// SAFETY: no reference into it is ever made; the one dlmalloc that takes it decides who uses which bytes.
unsafe impl Sync for Block {}

static START: Block = Block(UnsafeCell::new([MaybeUninit::uninit(); SEGMENT]));
static TAKEN: AtomicBool = AtomicBool::new(false);

/// dlmalloc's EXTERN_BIT: the segment is never unmapped.
const STATIC: u32 = 1;

// SAFETY: what `alloc` gives is mapped, zero, and given only once: the static block once in a process, everything else
// by mmap. `free` unmaps what mmap gave; dlmalloc does not call it for a STATIC segment.
unsafe impl Allocator for Segments {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if self.closed {
            return (ptr::null_mut(), 0, 0);
        }
        if size <= SEGMENT && !TAKEN.swap(true, Relaxed) {
            return (START.0.get().cast(), SEGMENT, STATIC);
        }
        // dlmalloc does not join segments with different flags, so each can be unmapped by itself. Bit 0 is STATIC.
        let flags = self.given.fetch_add(2, Relaxed);
        match map(size) {
            start if start.is_null() => (start, 0, 0),
            start => (start, size, flags),
        }
    }

    fn free(&self, start: *mut u8, size: usize) -> bool {
        // SAFETY: dlmalloc gives up a whole segment, which `alloc` mapped.
        unsafe { unmap(start, size) }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        true
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}
