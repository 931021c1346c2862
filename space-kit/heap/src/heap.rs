//! The allocator itself: decides by size and alignment where an allocation lives.

use std::alloc::{GlobalAlloc, Layout};

use dlmalloc::Dlmalloc;

use crate::buffers::{BLOCK, Buffers};
use crate::lists::{ALIGN, Lists, Table, room};
use crate::lock::Lock;
use crate::pages::{PAGE, map, remap, unmap};
use crate::segments::{SEGMENT, Segments};

/// Allocations of at least this size get their own mapping.
pub(crate) const LARGE: usize = SEGMENT / 2;

/// dlmalloc looks for unused segments after this many frees of larger chunks.
const RELEASE_EVERY: usize = 256;

#[global_allocator]
pub(crate) static HEAP: Heap = Heap::new(Lists::new(&TABLE));
static TABLE: Table = Table::new();

/// Gives the free lists to the calling thread, which is going to serve. Before that, most blocks are allocated only
/// once, and lists would spread them over more pages.
pub fn claim() {
    HEAP.lists.claim();
}

pub(crate) struct Heap {
    pub(crate) lists: Lists,
    pub(crate) arenas: Lock<Arenas>,
}

/// What all threads share.
pub(crate) struct Arenas {
    pub(crate) small: Dlmalloc<Segments>,
    pub(crate) buffers: Buffers,
}

/// Where an allocation lives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Small,
    Buffer,
    /// A mapping of its own, which the kernel gets back as soon as it is freed.
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

impl Heap {
    pub(crate) const fn new(lists: Lists) -> Heap {
        let mut small = Dlmalloc::new_with_allocator(Segments::new());
        small.set_granularity(SEGMENT);
        small.set_max_release_check_rate(RELEASE_EVERY);
        Heap { lists, arenas: Lock::new(Arenas { small, buffers: Buffers::new() }) }
    }
}

// SAFETY: the layout decides where an allocation lives, in the same way when it is freed as when it was made. Each place
// gets back only what it gave.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Heap {
    #[inline(never)] // it has hundreds of callers
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let kept = self.lists.take(layout);
        if !kept.is_null() {
            return kept;
        }
        match Place::of(layout.size(), layout.align()) {
            Place::Small => {
                // SAFETY: the caller's promise is passed on.
                self.arenas.with(|arenas| unsafe { arenas.small.malloc(layout.size(), layout.align()) })
            }
            Place::Buffer => self.arenas.with(|arenas| arenas.buffers.take()),
            Place::Mapping => map(layout.size()),
        }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match Place::of(layout.size(), layout.align()) {
            Place::Small => {
                // SAFETY: the caller's promise is passed on.
                self.arenas.with(|arenas| unsafe { arenas.small.calloc(layout.size(), layout.align()) })
            }
            Place::Buffer => {
                let block = self.arenas.with(|arenas| arenas.buffers.take());
                if !block.is_null() {
                    // SAFETY: the block was just allocated, with this length.
                    unsafe { block.write_bytes(0, layout.size()) };
                }
                block
            }
            Place::Mapping => map(layout.size()), // new pages are zero
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
                Place::Small => self.arenas.with(|arenas| arenas.small.c_free(ptr)),
                Place::Buffer => self.arenas.with(|arenas| arenas.buffers.give(ptr)),
                Place::Mapping => _ = unmap(ptr, layout.size()),
            }
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (old, new) = (Place::of(layout.size(), layout.align()), Place::of(size, layout.align()));
        // SAFETY: where the allocation stays in its place, the caller's promise is passed on; dlmalloc would align a
        // moved block only to ALIGN. Otherwise there are two allocations, each at least as long as what is copied, and
        // the old one is freed after the copy. The caller promises that `size`, rounded up to the alignment, is at most
        // isize::MAX.
        unsafe {
            let wanted = Layout::from_size_align_unchecked(size, layout.align());
            let moved = match old {
                Place::Small if new == old && layout.align() <= ALIGN => {
                    if room(size) == room(layout.size()) {
                        return ptr; // the block already has this length
                    }
                    let kept = self.lists.take(wanted);
                    if kept.is_null() {
                        return self.arenas.with(|arenas| arenas.small.c_realloc(ptr, size));
                    }
                    kept
                }
                Place::Buffer if new == old => return ptr,
                Place::Mapping if new == old => return remap(ptr, layout.size(), size),
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
