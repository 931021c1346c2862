//! The allocator: dlmalloc with [lists] before it, blocks for [buffers], and mappings for what is long.
//!
//! musl's own maps pages for each size that is asked for, and gives a block of hyper's buffers back to the kernel
//! as soon as it is free, to fault it in again a request later. Here what is taken in a row lies side by side,
//! and memory goes back when connections are gone ([`trim`]).

mod buffers;
mod lists;
#[cfg(target_env = "musl")] // glibc, where the tests run, keeps its own
mod malloc;
mod segments;

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};

use buffers::{BLOCK, Buffers};
use dlmalloc::Dlmalloc;
use lists::{Lists, Table, room};
use segments::{SEGMENT, Segments};

/// From so many bytes on an allocation is a mapping of its own.
const LARGE: usize = SEGMENT / 2;

/// Segments that nobody uses are looked for when so many longer allocations were given back.
const RELEASE_EVERY: usize = 256;

/// Bytes of a page.
const PAGE: usize = 4096;

/// What dlmalloc aligns to without being asked.
const ALIGN: usize = 2 * size_of::<usize>();

#[global_allocator]
static HEAP: Heap = Heap::new(Lists::new(&TABLE));
static TABLE: Table = Table::new();

/// Gives back what nobody uses.
pub(crate) fn trim() {
    HEAP.trim();
}

/// Has the calling thread, which serves from now on, keep small blocks for itself. Before that, when most things are
/// taken once, it would only spread them.
pub(crate) fn claim() {
    HEAP.lists.claim();
}

struct Heap {
    lists: Lists,
    busy: AtomicBool,
    parts: UnsafeCell<Parts>,
}

struct Parts {
    small: Dlmalloc<Segments>,
    buffers: Buffers,
}

/// Where an allocation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Small,
    Buffer,
    /// A mapping of its own, which the system has back as soon as it is free.
    Mapping,
}

impl Place {
    fn of(size: usize, align: usize) -> Place {
        match size {
            BLOCK if align <= PAGE => Place::Buffer,
            LARGE.. if align <= PAGE => Place::Mapping,
            _ => Place::Small,
        }
    }
}

// SAFETY: `parts` are reached through `with` alone, which lets one thread in at a time.
#[allow(unsafe_code)]
unsafe impl Sync for Heap {}

impl Heap {
    const fn new(lists: Lists) -> Heap {
        let mut small = Dlmalloc::new_with_allocator(Segments::new());
        small.set_granularity(SEGMENT);
        small.set_max_release_check_rate(RELEASE_EVERY);
        let parts = Parts { small, buffers: Buffers::new() };
        Heap { lists, busy: AtomicBool::new(false), parts: UnsafeCell::new(parts) }
    }

    fn trim(&self) {
        self.with(|parts| {
            // SAFETY: what is in a list came from there, and is nobody's.
            #[allow(unsafe_code)]
            self.lists.drain(|block| unsafe { parts.small.c_free(block) });
            // SAFETY: no chunk that is in use is touched; the segments that go are free as a whole.
            #[allow(unsafe_code)]
            unsafe {
                parts.small.trim(0)
            };
            parts.buffers.trim();
        });
    }

    /// Others wait: there are none but while a name is looked up. A mutex of std costs three times as much.
    fn with<T>(&self, act: impl FnOnce(&mut Parts) -> T) -> T {
        while self.busy.swap(true, Acquire) {
            std::thread::yield_now();
        }
        // SAFETY: `busy` was false and is true until the end of this function, so this is the one reference.
        #[allow(unsafe_code)]
        let outcome = act(unsafe { &mut *self.parts.get() });
        self.busy.store(false, Release);
        outcome
    }
}

// SAFETY: the layout decides where an allocation is, the same when memory comes back as when it was given. Each place
// gets back only what it gave.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Heap {
    #[inline(never)] // it is called from everywhere
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let kept = self.lists.take(layout);
        if !kept.is_null() {
            return kept;
        }
        match Place::of(layout.size(), layout.align()) {
            // SAFETY: the caller's promise is passed on.
            Place::Small => self.with(|parts| unsafe { parts.small.malloc(layout.size(), layout.align()) }),
            Place::Buffer => self.with(|parts| parts.buffers.take()),
            Place::Mapping => map(layout.size()),
        }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match Place::of(layout.size(), layout.align()) {
            // SAFETY: the caller's promise is passed on.
            Place::Small => self.with(|parts| unsafe { parts.small.calloc(layout.size(), layout.align()) }),
            Place::Buffer => {
                let block = self.with(|parts| parts.buffers.take());
                if !block.is_null() {
                    // SAFETY: it has been taken, and is so long.
                    unsafe { block.write_bytes(0, layout.size()) };
                }
                block
            }
            Place::Mapping => map(layout.size()), // all of it zero
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            if self.lists.give(ptr, layout) {
                return;
            }
            match Place::of(layout.size(), layout.align()) {
                Place::Small => self.with(|parts| parts.small.c_free(ptr)),
                Place::Buffer => self.with(|parts| parts.buffers.give(ptr)),
                Place::Mapping => _ = unmap(ptr, layout.size()),
            }
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (old, new) = (Place::of(layout.size(), layout.align()), Place::of(size, layout.align()));
        // SAFETY: where memory stays in its place the caller's promise is passed on; dlmalloc would align a moved
        // block to ALIGN alone. Else there are two allocations, each at least as long as what is copied, the old one
        // given up after it; the caller promises that `size`, rounded up to the alignment, is no more than isize::MAX.
        unsafe {
            let wanted = Layout::from_size_align_unchecked(size, layout.align());
            let moved = match old {
                Place::Small if new == old && layout.align() <= ALIGN => {
                    if room(size) == room(layout.size()) {
                        return ptr; // it is so long already
                    }
                    let kept = self.lists.take(wanted);
                    if kept.is_null() {
                        return self.with(|parts| parts.small.c_realloc(ptr, size));
                    }
                    kept
                }
                Place::Buffer if new == old => return ptr,
                Place::Mapping if new == old => {
                    return pointer(libc::mremap(ptr.cast(), layout.size(), size, libc::MREMAP_MAYMOVE));
                }
                _ => self.alloc(wanted),
            };
            if !moved.is_null() {
                moved.copy_from_nonoverlapping(ptr, layout.size().min(size));
                self.dealloc(ptr, layout);
            }
            moved
        }
    }
}

/// A new mapping of `size` bytes, all of them zero; null where there is no more memory.
fn map(size: usize) -> *mut u8 {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at an address that the kernel chooses touches nothing that is there.
    #[allow(unsafe_code)]
    pointer(unsafe { libc::mmap(ptr::null_mut(), size, access, kind, -1, 0) })
}

/// Gives a mapping up, or pages of one.
///
/// # Safety
///
/// They came from [`map`], and nobody uses them any more.
#[allow(unsafe_code)]
unsafe fn unmap(start: *mut u8, size: usize) -> bool {
    // SAFETY: the caller's promise is passed on.
    unsafe { libc::munmap(start.cast(), size) == 0 }
}

fn pointer(mapped: *mut libc::c_void) -> *mut u8 {
    if mapped == libc::MAP_FAILED { ptr::null_mut() } else { mapped.cast() }
}

#[cfg(test)]
mod tests;
