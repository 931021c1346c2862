//! Free lists of small blocks by length, for the one thread that serves. A request allocates and frees about fifty
//! blocks, mostly of the lengths that the previous request freed. dlmalloc searches for the best fit each time, in about
//! a hundred instructions and under a lock; taking a block from a list takes about ten.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// dlmalloc's default alignment.
pub(crate) const ALIGN: usize = 2 * size_of::<usize>();

/// Bytes of the longest block that is kept.
const LONGEST: usize = 4096;

/// Bytes that all lists keep together: what 64 concurrent requests free.
const KEPT: usize = 1024 * 1024;

/// A block of dlmalloc has a multiple of this length, of which one word is its header.
const STEP: usize = ALIGN;
const WORD: usize = size_of::<usize>();

/// The lists and their owner.
pub(crate) struct Lists {
    /// The thread that has claimed them, identified by the address of a thread-local; 0 for none.
    owner: AtomicUsize,
    table: &'static Table,
}

/// The blocks. A separate static, because nothing touches it before a thread claims the lists, and because it is all
/// zero and so takes no room in the file.
pub(crate) struct Table(UnsafeCell<Parts>);

struct Parts {
    first: [*mut Free; LONGEST / STEP + 1],
    bytes: usize,
}

struct Free {
    next: *mut Free,
}

// SAFETY: `Lists::with` is the only way to the parts, and lets in only the owning thread; a table belongs to one `Lists`.
unsafe impl Sync for Table {}

impl Table {
    pub(crate) const fn new() -> Table {
        Table(UnsafeCell::new(Parts { first: [ptr::null_mut(); LONGEST / STEP + 1], bytes: 0 }))
    }
}

impl Lists {
    /// Lists in a table that no other `Lists` uses.
    pub(crate) const fn new(table: &'static Table) -> Lists {
        Lists { owner: AtomicUsize::new(0), table }
    }

    /// Makes the calling thread the owner, unless there is one.
    pub(crate) fn claim(&self) {
        _ = self.owner.compare_exchange(0, here(), Relaxed, Relaxed);
    }

    /// A block for this layout; null if none is kept, or if another thread calls.
    #[inline(always)] // fifty calls per request, like `give`
    pub(crate) fn take(&self, layout: Layout) -> *mut u8 {
        let taken = if fits(layout) { self.with(|parts| parts.take(layout.size())) } else { None };
        taken.unwrap_or(ptr::null_mut())
    }

    /// Keeps a block of this layout. False if the lists are full, or if another thread calls.
    ///
    /// # Safety
    ///
    /// It came from `take`, or from dlmalloc, and is no longer in use.
    #[inline(always)]
    pub(crate) unsafe fn give(&self, block: *mut u8, layout: Layout) -> bool {
        // SAFETY: the caller's promise is passed on.
        fits(layout) && self.with(|parts| unsafe { parts.give(block.cast(), layout.size()) }) == Some(true)
    }

    /// Passes each kept block to `each`, if the calling thread is the owner. `each` must not use the lists.
    pub(crate) fn drain(&self, mut each: impl FnMut(*mut u8)) {
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
        // SAFETY: no two living threads have the same `here`, and nothing that `act` does uses the lists: this is the
        // only reference.
        Some(act(unsafe { &mut *self.table.0.get() }))
    }
}

impl Parts {
    #[inline(always)]
    fn take(&mut self, size: usize) -> *mut u8 {
        let Some(list) = self.first.get_mut(class(size)) else { return ptr::null_mut() };
        let block = *list;
        if !block.is_null() {
            // SAFETY: a block in a list is not in use, and begins with what `give` wrote.
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

/// Which list: every block in a list fits every length of that list.
fn class(size: usize) -> usize {
    (size + WORD - 1) / STEP
}

/// The usable bytes of a block that dlmalloc gives for `size`.
pub(crate) fn room(size: usize) -> usize {
    class(size) * STEP + WORD
}
