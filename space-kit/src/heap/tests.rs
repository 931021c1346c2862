//! What the heap promises, whatever is asked of it.
#![allow(unsafe_code)]

use super::*;
use proptest::prelude::*;

/// Bytes that are held, all of them `mark`.
struct Held {
    ptr: *mut u8,
    layout: Layout,
    mark: u8,
}

impl Held {
    fn check(&self) {
        // SAFETY: these bytes are held, and they were written.
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

/// Lists that this thread has.
fn claimed() -> Lists {
    let lists = free();
    lists.claim();
    lists
}

/// Lists that no thread has.
fn free() -> Lists {
    Lists::new(Box::leak(Box::new(Table::new())))
}

#[test]
fn a_trim_leaves_no_block_in_a_list() {
    let heap = Heap::new(claimed());
    for size in 1..5000 {
        let layout = Layout::from_size_align(size, 1).unwrap();
        // SAFETY: the size is above 0, and it comes back with its layout.
        unsafe { heap.dealloc(heap.alloc(layout), layout) };
    }
    heap.trim();
    for size in 1..5000 {
        assert!(heap.lists.take(Layout::from_size_align(size, 1).unwrap()).is_null(), "{size}");
    }
}

proptest! {
    #[test]
    fn what_is_held_keeps_its_bytes_whatever_else_is_taken_grown_and_given_back(
        own: bool,
        steps in prop::collection::vec((0..4u8, sizes(), 0..8u32, 0..1000_usize), 1..120),
    ) {
        let heap = Heap::new(if own { claimed() } else { free() });
        let mut held: Vec<Held> = Vec::new();
        for (count, (what, size, align, which)) in steps.into_iter().enumerate() {
            let (mark, layout) = (count as u8, Layout::from_size_align(size, 1 << align).unwrap());
            match (what, held.is_empty()) {
                (1, false) => {
                    let old = held.swap_remove(which % held.len());
                    old.check();
                    // SAFETY: it was taken with this layout, and is no longer held.
                    unsafe { heap.dealloc(old.ptr, old.layout) };
                }
                (2, false) => {
                    let at = which % held.len();
                    let one = &mut held[at];
                    // SAFETY: it was taken with this layout; the new size is above 0 and small; where it grew,
                    // the new bytes are within it.
                    unsafe {
                        one.ptr = heap.realloc(one.ptr, one.layout, size);
                        let old = one.layout.size().min(size);
                        one.ptr.add(old).write_bytes(one.mark, size - old);
                    }
                    one.layout = Layout::from_size_align(size, one.layout.align()).unwrap();
                    one.check();
                }
                _ => {
                    // SAFETY: the size is above 0, and the bytes read and written are those that were taken.
                    let ptr = unsafe {
                        let ptr = if what == 0 { heap.alloc_zeroed(layout) } else { heap.alloc(layout) };
                        let zero = || (0..size).all(|at| *ptr.add(at) == 0);
                        assert!(what != 0 || zero(), "zeroed is zero, used before or not");
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
