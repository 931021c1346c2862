//! dlmalloc's segments: one static block for the start, then mappings.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

use dlmalloc::Allocator;

use super::{PAGE, map, unmap};

/// Bytes of a segment, and of the block that is the first: enough for a start and a first answer. A segment goes
/// back when nothing of it is in use, so shorter ones go sooner. Untouched pages take no memory.
pub(super) const SEGMENT: usize = 64 * 1024;

/// Where dlmalloc has its memory from.
pub(super) struct Segments {
    given: AtomicU32,
}

impl Segments {
    pub(super) const fn new() -> Segments {
        Segments { given: AtomicU32::new(0) }
    }
}

#[repr(C, align(64))]
struct Block(UnsafeCell<[MaybeUninit<u8>; SEGMENT]>);

// SAFETY: no reference into it is ever made; whose bytes they are is decided by the one dlmalloc that takes it.
unsafe impl Sync for Block {}

static START: Block = Block(UnsafeCell::new([MaybeUninit::uninit(); SEGMENT]));
static TAKEN: AtomicBool = AtomicBool::new(false);

/// dlmalloc's EXTERN_BIT: not to be given back.
const STATIC: u32 = 1;

// SAFETY: what `alloc` gives is mapped, zero, and nobody else's: the block is given once in a process, all else comes
// from mmap. `free` unmaps what mmap gave; a segment that is STATIC does not come here.
unsafe impl Allocator for Segments {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if size <= SEGMENT && !TAKEN.swap(true, Relaxed) {
            return (START.0.get().cast(), SEGMENT, STATIC);
        }
        // Segments of different flags are not joined: each can go back alone. Bit 0 has a meaning.
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
