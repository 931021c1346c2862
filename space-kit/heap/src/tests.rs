//! The heap's promises, under random allocations.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout};
use std::collections::BTreeSet;
use std::ptr;

use proptest::prelude::*;

use crate::buffers::BLOCK;
use crate::heap::{Heap, LARGE};
use crate::lists::{Lists, Table};
use crate::pages::PAGE;
use crate::segments::SEGMENT;

/// An allocation whose bytes are all `mark`.
struct Held {
    ptr: *mut u8,
    layout: Layout,
    mark: u8,
}

impl Held {
    fn check(&self) {
        // SAFETY: the allocation is live, and all its bytes were written.
        assert!((0..self.layout.size()).all(|at| unsafe { *self.ptr.add(at) } == self.mark));
        assert_eq!(self.ptr.addr() % self.layout.align(), 0);
    }
}

fn sizes() -> impl Strategy<Value = usize> {
    let around = |size: usize| size - 9..size + 9;
    prop_oneof![
        4 => 1..700_usize,
        3 => Just(BLOCK),
        1 => around(BLOCK),
        1 => around(LARGE),
        1 => 1..3 * LARGE,
    ]
}

/// Lists that this thread owns.
fn claimed() -> Lists {
    let lists = free();
    lists.claim();
    lists
}

/// Lists that no thread owns.
fn free() -> Lists {
    Lists::new(Box::leak(Box::new(Table::new())))
}

#[test]
fn a_trim_leaves_no_block_in_a_list() {
    let heap = Heap::new(claimed());
    for size in 1..5000 {
        let layout = Layout::from_size_align(size, 1).unwrap();
        // SAFETY: the size is above 0, and the block is freed with its layout.
        unsafe { heap.dealloc(heap.alloc(layout), layout) };
    }
    heap.trim();
    for size in 1..5000 {
        assert!(heap.lists.take(Layout::from_size_align(size, 1).unwrap()).is_null(), "{size}");
    }
}

#[test]
fn a_trim_gives_back_segments_that_are_free_however_full_they_were() {
    const SEGMENTS: usize = 50;
    // Of a block's chunk, ten fill a segment up to the 96 bytes with which dlmalloc does not unmap it.
    let layout = Layout::from_size_align((SEGMENT - 96) / 10 - size_of::<usize>(), 1).unwrap();
    let heap = Heap::new(claimed());
    // SAFETY: the size is above 0, and each block is as long as what is written.
    let blocks: Vec<*mut u8> = (0..10 * SEGMENTS)
        .map(|_| unsafe {
            let block = heap.alloc(layout);
            block.write_bytes(1, layout.size());
            block
        })
        .collect();
    let pages = |block: &*mut u8| block.addr() / PAGE..=(block.addr() + layout.size() - 1) / PAGE;
    let pages: BTreeSet<usize> = blocks.iter().flat_map(pages).collect();
    let resident = |pages: &BTreeSet<usize>| pages.iter().filter(|page| is_resident(**page)).count();
    assert_eq!(resident(&pages), pages.len());
    for block in blocks {
        // SAFETY: it was allocated with this layout, and is no longer used.
        unsafe { heap.dealloc(block, layout) };
    }
    heap.trim();
    assert!(resident(&pages) <= 2 * SEGMENTS, "{} of {} pages", resident(&pages), pages.len());
}

/// Whether a page has memory.
fn is_resident(page: usize) -> bool {
    let mut present = 0_u8;
    let start = ptr::without_provenance_mut(page * PAGE);
    // SAFETY: mincore reads no memory at `start`, and writes one byte for one page.
    unsafe { libc::mincore(start, PAGE, &mut present) == 0 && present & 1 == 1 }
}

proptest! {
    #[test]
    fn an_allocation_keeps_its_bytes_whatever_else_is_allocated_grown_and_freed(
        own: bool,
        steps in prop::collection::vec((0..5u8, sizes(), 0..8u32, 0..1000_usize), 1..120),
    ) {
        let heap = Heap::new(if own { claimed() } else { free() });
        let mut held: Vec<Held> = Vec::new();
        for (count, (what, size, align, which)) in steps.into_iter().enumerate() {
            let (mark, layout) = (count as u8, Layout::from_size_align(size, 1 << align).unwrap());
            match (what, held.is_empty()) {
                (1, false) => {
                    let old = held.swap_remove(which % held.len());
                    old.check();
                    // SAFETY: it was allocated with this layout, and is no longer used.
                    unsafe { heap.dealloc(old.ptr, old.layout) };
                }
                (2, false) => {
                    let at = which % held.len();
                    let one = &mut held[at];
                    // SAFETY: it was allocated with this layout; the new size is above 0 and small; if it grew, the
                    // new bytes are within it.
                    unsafe {
                        one.ptr = heap.realloc(one.ptr, one.layout, size);
                        let old = one.layout.size().min(size);
                        one.ptr.add(old).write_bytes(one.mark, size - old);
                    }
                    one.layout = Layout::from_size_align(size, one.layout.align()).unwrap();
                    one.check();
                }
                (4, _) if which < 300 => heap.trim(),
                _ => {
                    // SAFETY: the size is above 0, and only allocated bytes are read and written.
                    let ptr = unsafe {
                        let ptr = if what == 0 { heap.alloc_zeroed(layout) } else { heap.alloc(layout) };
                        let zero = || (0..size).all(|at| *ptr.add(at) == 0);
                        assert!(what != 0 || zero(), "zeroed memory is zero, even in a reused block");
                        ptr.write_bytes(mark, size);
                        ptr
                    };
                    held.push(Held { ptr, layout, mark });
                }
            }
        }
        for old in held {
            old.check();
            // SAFETY: as above.
            unsafe { heap.dealloc(old.ptr, old.layout) };
        }
        heap.trim();
    }
}
