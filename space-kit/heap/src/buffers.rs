//! Buffers: page-aligned blocks of 8 KiB. hyper allocates one to read and one to write for each connection, and they are
//! most of what a busy service holds.
//!
//! In dlmalloc, long-lived small blocks would fill each gap that a freed buffer leaves, so that memory grows with the
//! number of requests. Here a freed block is reused whole, or returned to the kernel by itself. At most as many are kept
//! as are in use, and always 16.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::pages::{map, unmap};

/// Bytes of a block.
pub(crate) const BLOCK: usize = 8 * 1024;

/// Bytes that are mapped at once. Untouched pages take no memory.
const REGION: usize = 8 * BLOCK;

/// Free blocks that are kept even if fewer are in use.
const KEPT: usize = 16;

#[repr(C, align(4096))]
struct Region(UnsafeCell<[MaybeUninit<u8>; REGION]>);

// SAFETY: no reference into it is ever made; the one `Buffers` that takes it decides who uses which bytes.
unsafe impl Sync for Region {}

/// The first region, part of the program: it takes no system call at start-up. Its blocks are whole pages, so each can
/// be unmapped like those of any other region.
static FIRST: Region = Region(UnsafeCell::new([MaybeUninit::uninit(); REGION]));
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Memory for eight blocks; null if no memory is left.
fn region() -> *mut u8 {
    if TAKEN.swap(true, Relaxed) { map(REGION) } else { FIRST.0.get().cast() }
}

/// All blocks.
pub(crate) struct Buffers {
    in_use: usize,
    /// The list of free blocks, and its length.
    free: *mut Free,
    kept: usize,
    /// The part of the last region that was never in use.
    fresh: *mut u8,
    left: usize,
}

struct Free {
    next: *mut Free,
}

impl Buffers {
    pub(crate) const fn new() -> Buffers {
        Buffers { in_use: 0, free: ptr::null_mut(), kept: 0, fresh: ptr::null_mut(), left: 0 }
    }

    /// A block, or null if no memory is left.
    pub(crate) fn take(&mut self) -> *mut u8 {
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
        // SAFETY: the region has at least one more block, so this is inside it or at its end.
        self.fresh = unsafe { block.add(BLOCK) };
        block
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// It came from `take`, and is no longer in use.
    pub(crate) unsafe fn give(&mut self, block: *mut u8) {
        self.in_use -= 1;
        if self.kept >= KEPT.max(self.in_use) {
            // SAFETY: the caller gives it up.
            _ = unsafe { unmap(block, BLOCK) };
            return;
        }
        let block = block.cast::<Free>();
        // SAFETY: the caller gives it up; it is long enough and aligned to a page.
        unsafe { block.write(Free { next: self.free }) };
        (self.free, self.kept) = (block, self.kept + 1);
    }

    /// Returns all free blocks to the kernel.
    pub(crate) fn trim(&mut self) {
        while self.kept > 0 {
            // SAFETY: a block in the list is not in use, and all its pages are mapped.
            _ = unsafe { unmap(self.pop(), BLOCK) };
        }
    }

    /// The first block of the list, which must not be empty.
    fn pop(&mut self) -> *mut u8 {
        let block = self.free;
        // SAFETY: a block in the list is not in use, and begins with what `give` wrote.
        self.free = unsafe { (*block).next };
        self.kept -= 1;
        block.cast()
    }
}
