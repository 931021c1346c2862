//! Lists of small blocks that came back, by length, for the one thread that serves. A request takes and gives some
//! fifty, mostly of the lengths that the request before it gave. dlmalloc looks for the best gap each time, in a
//! hundred instructions and under a lock; here a block is at hand in ten.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::ALIGN;

/// Bytes of the longest block that is kept.
const LONGEST: usize = 4096;

/// Bytes that are kept, of all lengths together: what 64 requests under way leave.
const KEPT: usize = 1024 * 1024;

/// dlmalloc's blocks are a multiple of this long, a word of it its own.
const STEP: usize = ALIGN;
const WORD: usize = size_of::<usize>();

/// The lists, and whose they are.
pub(super) struct Lists {
    /// The thread that has claimed them, by an address of its own; 0 for none.
    owner: AtomicUsize,
    table: &'static Table,
}

/// What is kept. Apart, for nothing of it is touched before somebody claims it, and all of it is zero, which takes no
/// room in the file.
pub(super) struct Table(UnsafeCell<Parts>);

struct Parts {
    first: [*mut Free; LONGEST / STEP + 1],
    bytes: usize,
}

struct Free {
    next: *mut Free,
}

// SAFETY: the parts are reached through `Lists::with` alone, which lets one thread in and no other; a table is one
// `Lists`' own.
unsafe impl Sync for Table {}

impl Table {
    pub(super) const fn new() -> Table {
        Table(UnsafeCell::new(Parts { first: [ptr::null_mut(); LONGEST / STEP + 1], bytes: 0 }))
    }
}

impl Lists {
    /// Lists in a table that no others have.
    pub(super) const fn new(table: &'static Table) -> Lists {
        Lists { owner: AtomicUsize::new(0), table }
    }

    /// They are the calling thread's from now on, unless another has them.
    pub(super) fn claim(&self) {
        _ = self.owner.compare_exchange(0, here(), Relaxed, Relaxed);
    }

    /// A block for this layout; null where none is kept.
    #[inline(always)] // fifty times in a request, as `give`
    pub(super) fn take(&self, layout: Layout) -> *mut u8 {
        let taken = if fits(layout) { self.with(|parts| parts.take(layout.size())) } else { None };
        taken.unwrap_or(ptr::null_mut())
    }

    /// Keeps a block of this layout, if there is room for it.
    ///
    /// # Safety
    ///
    /// It came from `take`, or from dlmalloc, and nobody uses it any more.
    #[inline(always)]
    pub(super) unsafe fn give(&self, block: *mut u8, layout: Layout) -> bool {
        // SAFETY: the caller's promise is passed on.
        fits(layout) && self.with(|parts| unsafe { parts.give(block.cast(), layout.size()) }) == Some(true)
    }

    /// Gives up what is kept, where it is the calling thread's. `each` must not come back here.
    pub(super) fn drain(&self, mut each: impl FnMut(*mut u8)) {
        self.with(|parts| {
            for size in (WORD..=LONGEST + WORD).step_by(STEP) {
                while let block = parts.take(size)
                    && !block.is_null()
                {
                    each(block);
                }
            }
        });
    }

    #[inline(always)]
    fn with<T>(&self, act: impl FnOnce(&mut Parts) -> T) -> Option<T> {
        if self.owner.load(Relaxed) != here() {
            return None;
        }
        // SAFETY: `here` is one thread's as long as that lives, and nothing that is done with the parts comes back
        // here: this is the one reference.
        Some(act(unsafe { &mut *self.table.0.get() }))
    }
}

impl Parts {
    #[inline(always)]
    fn take(&mut self, size: usize) -> *mut u8 {
        let Some(list) = self.first.get_mut(class(size)) else { return ptr::null_mut() };
        let block = *list;
        if !block.is_null() {
            // SAFETY: a block in a list is nobody's, and begins with what `give` wrote.
            *list = unsafe { (*block).next };
            self.bytes -= room(size);
        }
        block.cast()
    }

    /// # Safety
    ///
    /// As for [`Lists::give`].
    #[inline(always)]
    unsafe fn give(&mut self, block: *mut Free, size: usize) -> bool {
        let Some(list) = self.first.get_mut(class(size)).filter(|_| self.bytes < KEPT) else { return false };
        // SAFETY: the caller gives it up; it is at least a word long, and aligned.
        unsafe { block.write(Free { next: *list }) };
        (*list, self.bytes) = (block, self.bytes + room(size));
        true
    }
}

fn fits(layout: Layout) -> bool {
    layout.size() <= LONGEST && layout.align() <= ALIGN
}

thread_local! {
    static HERE: u8 = const { 0 };
}

/// An address that no other living thread has.
fn here() -> usize {
    HERE.with(|here| ptr::from_ref(here).addr())
}

/// Which list: any block of one will do for any length of the same.
fn class(size: usize) -> usize {
    (size + WORD - 1) / STEP
}

/// The bytes that a block has which dlmalloc gave for `size`, all of them the caller's.
pub(super) fn room(size: usize) -> usize {
    class(size) * STEP + WORD
}
