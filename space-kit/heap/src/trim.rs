//! Returns memory to the kernel. The caller decides when: the kit does it a second after a connection has closed.
#![allow(unsafe_code)]

use std::ptr;

use crate::heap::{Arenas, HEAP, Heap};
use crate::lists::ALIGN;
use crate::pages::{PAGE, discard};
use crate::segments::SEGMENT;

/// Bytes of the block that fills a segment except for the 96 bytes of the chunk's and the segment's records. dlmalloc
/// unmaps a free segment only if these take no more than 80 bytes; it is 96 if just as many bytes were left in the
/// segment when the next one was added.
const WHOLE: usize = SEGMENT - 104;

/// Returns to the kernel all memory that is not in use, as far as whole segments, buffers and pages are free. What other
/// threads keep in their free lists stays.
pub fn trim() {
    HEAP.trim();
}

impl Heap {
    pub(crate) fn trim(&self) {
        self.arenas.with(|arenas| {
            // SAFETY: blocks in the free lists came from this dlmalloc, and are not in use.
            self.lists.drain(|block| unsafe { arenas.small.c_free(block) });
            // SAFETY: trimming touches no chunk in use; only segments that are free as a whole are unmapped.
            unsafe { arenas.small.trim(0) };
            discard_free_segments(arenas);
            arenas.buffers.trim();
        });
    }
}

/// What a block begins with while it is taken.
struct Taken {
    next: *mut Taken,
}

/// Returns to the kernel the pages of segments that are free but stay mapped.
fn discard_free_segments(arenas: &mut Arenas) {
    let small = &mut arenas.small;
    small.allocator_mut().closed = true;
    let mut taken: *mut Taken = ptr::null_mut();
    loop {
        // SAFETY: the size is above 0, and the alignment a power of two.
        let block = unsafe { small.malloc(WHOLE, ALIGN) };
        if block.is_null() {
            break;
        }
        // The chunk's record precedes the block, and the next one's follows it: whole pages inside hold neither.
        let inside = block.addr() + size_of::<Taken>()..block.addr() + WHOLE;
        let first = inside.start.next_multiple_of(PAGE);
        let size = (inside.end - first) / PAGE * PAGE;
        // SAFETY: the pages are inside the block, and what it holds is not in use.
        unsafe { discard(block.with_addr(first), size) };
        let block = block.cast::<Taken>();
        // SAFETY: the block is long enough, aligned, and nobody else's.
        unsafe { block.write(Taken { next: taken }) };
        taken = block;
    }
    while !taken.is_null() {
        // SAFETY: each block in the list came from this dlmalloc, and begins with what was written above.
        unsafe {
            let next = (*taken).next;
            small.c_free(taken.cast());
            taken = next;
        }
    }
    small.allocator_mut().closed = false;
}
