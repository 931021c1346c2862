//! Buffers: blocks of 8 KiB that begin with a page. hyper has one to read and one to write for each connection, and
//! they are most of what a busy service holds.
//!
//! Among small things that live long, each gap that a buffer leaves is filled in part, and memory grows with the
//! number of requests. Here a block that came back is taken again as it is, or given to the system by itself: no more
//! are kept than are in use.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::{map, unmap};

/// Bytes of a block.
pub(super) const BLOCK: usize = 8 * 1024;

/// Bytes that are taken from the system at once. Untouched pages take no memory.
const REGION: usize = 8 * BLOCK;

/// Free blocks that are kept however few are in use.
const KEPT: usize = 16;

#[repr(C, align(4096))]
struct Region(UnsafeCell<[MaybeUninit<u8>; REGION]>);

// SAFETY: no reference into it is ever made; whose bytes they are is decided by the one `Buffers` that takes it.
unsafe impl Sync for Region {}

/// The first region, part of the program: no system call for it in a start. Its blocks are whole pages, so each can be
/// unmapped like those of any other.
static FIRST: Region = Region(UnsafeCell::new([MaybeUninit::uninit(); REGION]));
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Bytes for so many blocks, none of them anybody's; null where there is no more memory.
fn region() -> *mut u8 {
    if TAKEN.swap(true, Relaxed) { map(REGION) } else { FIRST.0.get().cast() }
}

/// All blocks.
pub(super) struct Buffers {
    in_use: usize,
    /// Those that were in use, and how many they are.
    free: *mut Free,
    kept: usize,
    /// The part of the last region that never was.
    fresh: *mut u8,
    left: usize,
}

struct Free {
    next: *mut Free,
}

impl Buffers {
    pub(super) const fn new() -> Buffers {
        Buffers { in_use: 0, free: ptr::null_mut(), kept: 0, fresh: ptr::null_mut(), left: 0 }
    }

    /// A block, or null where there is no more memory.
    pub(super) fn take(&mut self) -> *mut u8 {
        if self.free.is_null() && self.left == 0 {
            self.fresh = region();
            if self.fresh.is_null() {
                return ptr::null_mut();
            }
            self.left = REGION;
        }
        self.in_use += 1;
        if !self.free.is_null() {
            return self.pop();
        }
        let block = self.fresh;
        self.left -= BLOCK;
        // SAFETY: so far the region reaches, or to its end.
        self.fresh = unsafe { block.add(BLOCK) };
        block
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// It came from `take`, and nobody uses it any more.
    pub(super) unsafe fn give(&mut self, block: *mut u8) {
        self.in_use -= 1;
        if self.kept >= KEPT.max(self.in_use) {
            // SAFETY: the caller gives it up.
            _ = unsafe { unmap(block, BLOCK) };
            return;
        }
        let block = block.cast::<Free>();
        // SAFETY: the caller gives it up; it is long enough and begins with a page.
        unsafe { block.write(Free { next: self.free }) };
        (self.free, self.kept) = (block, self.kept + 1);
    }

    /// Gives the system what is kept.
    pub(super) fn trim(&mut self) {
        while self.kept > 0 {
            // SAFETY: a block in the list is nobody's, and is mapped as long as it is.
            _ = unsafe { unmap(self.pop(), BLOCK) };
        }
    }

    /// The first of the list, which must not be empty.
    fn pop(&mut self) -> *mut u8 {
        let block = self.free;
        // SAFETY: a block in the list is nobody's, and begins with what `give` wrote.
        self.free = unsafe { (*block).next };
        self.kept -= 1;
        block.cast()
    }
}
