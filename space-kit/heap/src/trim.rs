//! Returns memory to the kernel. The caller decides when: the kit does it a second after a connection has closed.
#![allow(unsafe_code)]

use crate::heap::{HEAP, Heap};

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
            arenas.buffers.trim();
        });
    }
}
