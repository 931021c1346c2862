//! The allocator: dlmalloc, over one static block for the start and then over segments from the system.
//!
//! musl's own maps pages for each size that is asked for, and gives a block of hyper's buffers back to the kernel
//! as soon as it is free, to fault it in again a request later. Here what is taken in a row lies side by side,
//! and memory goes back when connections are gone ([`trim`]).

#[cfg(target_env = "musl")] // glibc, where the tests run, keeps its own
mod malloc;

use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicU32,
    Ordering::{Acquire, Relaxed, Release},
};

use dlmalloc::{Allocator, Dlmalloc};

/// Bytes of a segment, and of the block that is the first: enough for a start and a first answer. A segment goes
/// back when nothing of it is in use, so shorter ones go sooner. Untouched pages take no memory.
const SEGMENT: usize = 64 * 1024;

/// From so many bytes on an allocation is a mapping of its own, which the system has back as soon as it is free.
const LARGE: usize = SEGMENT / 2;

/// Segments that nobody uses are looked for when so many longer allocations were given back.
const RELEASE_EVERY: usize = 256;

/// Bytes of a page.
const PAGE: usize = 4096;

/// What dlmalloc aligns to without being asked.
const ALIGN: usize = 2 * size_of::<usize>();

#[global_allocator]
static HEAP: Heap = Heap::new();

/// Gives back what nobody uses.
pub(crate) fn trim() {
    // SAFETY: no chunk that is in use is touched; the segments that go are free as a whole.
    #[allow(unsafe_code)]
    HEAP.with(|dlmalloc| unsafe { dlmalloc.trim(0) });
}

struct Heap {
    busy: AtomicBool,
    dlmalloc: UnsafeCell<Dlmalloc<Segments>>,
}

// SAFETY: `dlmalloc` is reached through `with` alone, which lets one thread in at a time.
#[allow(unsafe_code)]
unsafe impl Sync for Heap {}

impl Heap {
    const fn new() -> Heap {
        let mut dlmalloc = Dlmalloc::new_with_allocator(Segments { given: AtomicU32::new(0) });
        dlmalloc.set_granularity(SEGMENT);
        dlmalloc.set_max_release_check_rate(RELEASE_EVERY);
        Heap { busy: AtomicBool::new(false), dlmalloc: UnsafeCell::new(dlmalloc) }
    }

    /// Others wait: there are none but while a name is looked up. A mutex of std costs three times as much.
    fn with<T>(&self, act: impl FnOnce(&mut Dlmalloc<Segments>) -> T) -> T {
        while self.busy.swap(true, Acquire) {
            std::thread::yield_now();
        }
        // SAFETY: `busy` was false and is true until the end of this function, so this is the one reference.
        #[allow(unsafe_code)]
        let outcome = act(unsafe { &mut *self.dlmalloc.get() });
        self.busy.store(false, Release);
        outcome
    }
}

/// Whether `size` bytes in the place of `layout` are a mapping of their own: mappings begin with a page.
fn is_large(layout: Layout, size: usize) -> bool {
    size >= LARGE && layout.align() <= PAGE
}

// SAFETY: the layout decides between a mapping and dlmalloc, and it is the same when memory comes back as when it was
// given. Each of the two gets back only what it gave.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Heap {
    #[inline(never)] // it is called from everywhere
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            match is_large(layout, layout.size()) {
                true => map(layout.size()),
                false => self.with(|dlmalloc| dlmalloc.malloc(layout.size(), layout.align())),
            }
        }
    }

    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            match is_large(layout, layout.size()) {
                true => map(layout.size()), // all of it zero
                false => self.with(|dlmalloc| dlmalloc.calloc(layout.size(), layout.align())),
            }
        }
    }

    #[inline(never)]
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe {
            match is_large(layout, layout.size()) {
                true => _ = libc::munmap(ptr.cast(), layout.size()),
                false => self.with(|dlmalloc| dlmalloc.c_free(ptr)),
            }
        }
    }

    #[inline(never)]
    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: where memory stays with its allocator the caller's promise is passed on; dlmalloc would align a moved
        // block to ALIGN alone. Else there are two allocations, each at least as long as what is copied, the old one
        // given up after it; the caller promises that `size`, rounded up to the alignment, is no more than isize::MAX.
        unsafe {
            match (is_large(layout, layout.size()), is_large(layout, size)) {
                (true, true) => pointer(libc::mremap(ptr.cast(), layout.size(), size, libc::MREMAP_MAYMOVE)),
                (false, false) if layout.align() <= ALIGN => {
                    self.with(|dlmalloc| dlmalloc.c_realloc(ptr, size))
                }
                _ => {
                    let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
                    if !new.is_null() {
                        new.copy_from_nonoverlapping(ptr, layout.size().min(size));
                        self.dealloc(ptr, layout);
                    }
                    new
                }
            }
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

fn pointer(mapped: *mut libc::c_void) -> *mut u8 {
    if mapped == libc::MAP_FAILED { ptr::null_mut() } else { mapped.cast() }
}

/// Where dlmalloc has its memory from.
struct Segments {
    given: AtomicU32,
}

#[repr(C, align(64))]
struct Block(UnsafeCell<[MaybeUninit<u8>; SEGMENT]>);

// SAFETY: no reference into it is ever made; whose bytes they are is decided by the one dlmalloc that takes it.
#[allow(unsafe_code)]
unsafe impl Sync for Block {}

static START: Block = Block(UnsafeCell::new([MaybeUninit::uninit(); SEGMENT]));
static TAKEN: AtomicBool = AtomicBool::new(false);

/// dlmalloc's EXTERN_BIT: not to be given back.
const STATIC: u32 = 1;

// SAFETY: what `alloc` gives is mapped, zero, and nobody else's: the block is given once in a process, all else comes
// from mmap. `free` unmaps what mmap gave; a segment that is STATIC does not come here.
#[allow(unsafe_code)]
unsafe impl Allocator for Segments {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if size <= SEGMENT && !TAKEN.swap(true, Relaxed) {
            return (START.0.get().cast(), SEGMENT, STATIC);
        }
        // Segments of different flags are not joined: each can go back alone. Bit 0 has a meaning.
        let flags = self.given.fetch_add(2, Relaxed);
        match map(size) {
            start if start.is_null() => (start, 0, 0),
            start => (start, size, flags),
        }
    }

    fn free(&self, start: *mut u8, size: usize) -> bool {
        // SAFETY: dlmalloc gives up a whole segment, which `alloc` mapped.
        unsafe { libc::munmap(start.cast(), size) == 0 }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        true
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

#[cfg(test)]
#[allow(unsafe_code)]
mod tests {
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
        prop_oneof![4 => 1..700_usize, 2 => 8000..8400_usize, 1 => LARGE - 9..LARGE + 9, 1 => 1..3 * LARGE]
    }

    proptest! {
        #[test]
        fn what_is_held_keeps_its_bytes_whatever_else_is_taken_grown_and_given_back(
            steps in prop::collection::vec((0..3u8, sizes(), 0..8u32, 0..1000_usize), 1..120),
        ) {
            let heap = Heap::new();
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
                            let ptr = heap.alloc_zeroed(layout);
                            assert!((0..size).all(|at| *ptr.add(at) == 0), "zeroed is zero, used before or not");
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
            // SAFETY: nothing of it is in use.
            heap.with(|dlmalloc| unsafe { dlmalloc.trim(0) });
        }
    }
}
