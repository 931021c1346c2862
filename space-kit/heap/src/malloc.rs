//! C's names for the heap. musl allocates when it looks up a host name, std when it registers a thread-local destructor.
//! Serving these few blocks from here keeps musl's allocator out of the binary: five system calls and three page faults
//! less in each start.
//!
//! Every function of musl that allocates is here, except `malloc_usable_size`, which has no caller: musl's own would
//! read the header of a block that this heap gave. `link/check.sh` rejects a binary that has anything of musl's
//! allocator in it.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr;

use crate::heap::HEAP;
use crate::pages::PAGE;

// SAFETY of the names: each function does what C or POSIX says. musl defines none of them beside these, or the linker
// would report duplicates; so a block returns to the allocator that gave it. Callers follow the rules of C.

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: any size is allowed.
    HEAP.arenas.with(|arenas| unsafe { arenas.small.c_malloc(size) }).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let Some(size) = count.checked_mul(size) else { return ptr::null_mut() };
    // SAFETY: any size is allowed.
    HEAP.arenas.with(|arenas| unsafe { arenas.small.calloc(size, 1) }).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise is passed on; both treat null as a block of no bytes.
    HEAP.arenas.with(|arenas| unsafe { arenas.small.c_realloc(block.cast(), size) }).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: the caller's promise is passed on; both ignore null.
    HEAP.arenas.with(|arenas| unsafe { arenas.small.c_free(block.cast()) });
}

/// The block, or an error number.
fn aligned(align: usize, size: usize) -> Result<*mut c_void, c_int> {
    if !align.is_power_of_two() {
        return Err(libc::EINVAL);
    }
    // SAFETY: any size is allowed, and the alignment is a power of two.
    let block = HEAP.arenas.with(|arenas| unsafe { arenas.small.c_memalign(align, size) });
    if block.is_null() { Err(libc::ENOMEM) } else { Ok(block.cast()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(block: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if align < size_of::<*mut c_void>() {
        return libc::EINVAL;
    }
    match aligned(align, size) {
        // SAFETY: the caller passes a place for the address.
        Ok(new) => unsafe { *block = new },
        Err(error) => return error,
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    aligned(align, size).unwrap_or_else(|error| {
        // SAFETY: it is the calling thread's own error number.
        unsafe { *libc::__errno_location() = error };
        ptr::null_mut()
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise is passed on.
    unsafe { aligned_alloc(align, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    // SAFETY: any size is allowed.
    unsafe { aligned_alloc(PAGE, size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C" {
        #[link_name = "memalign"]
        fn c_memalign(align: usize, size: usize) -> *mut c_void;
        #[link_name = "valloc"]
        fn c_valloc(size: usize) -> *mut c_void;
    }

    /// What C's functions give, by the names that C would use.
    fn blocks(align: usize, size: usize) -> [*mut c_void; 3] {
        let mut posix = ptr::null_mut();
        // SAFETY: the alignment is a power of two of at least a pointer's size.
        unsafe {
            assert_eq!(libc::posix_memalign(&raw mut posix, align, size), 0);
            [posix, libc::aligned_alloc(align, size), c_memalign(align, size)]
        }
    }

    #[test]
    fn aligned_blocks_can_be_grown_and_freed_like_all_others() {
        for align in (3..=20).map(|power| 1_usize << power) {
            for size in [1, 100, align, 8192, 3 * align + 1] {
                let held = blocks(align, size);
                for (mark, block) in (1..).zip(held) {
                    assert_eq!(block.addr() % align, 0, "{size} bytes aligned to {align}");
                    // SAFETY: the block has this size.
                    unsafe { block.cast::<u8>().write_bytes(mark, size) };
                }
                for (mark, block) in (1_u8..).zip(held) {
                    // SAFETY: the block came from C's functions, and its first bytes were written.
                    unsafe {
                        let grown = libc::realloc(block, size + 10_000).cast::<u8>();
                        assert!(
                            (0..size).all(|at| *grown.add(at) == mark),
                            "{size} bytes aligned to {align}"
                        );
                        libc::free(grown.cast());
                    }
                }
            }
        }
    }

    #[test]
    fn valloc_gives_whole_pages_of_our_heap() {
        // SAFETY: any size is allowed, and the block is freed once.
        unsafe {
            let block = c_valloc(5000);
            assert_eq!(block.addr() % PAGE, 0);
            block.cast::<u8>().write_bytes(1, 5000);
            libc::free(block);
        }
    }

    #[test]
    fn an_alignment_that_is_no_power_of_two_is_an_error() {
        let mut block = ptr::null_mut();
        // SAFETY: nothing is allocated.
        unsafe {
            assert_eq!(libc::posix_memalign(&raw mut block, 24, 8), libc::EINVAL);
            assert_eq!(libc::posix_memalign(&raw mut block, 4, 8), libc::EINVAL);
            assert!(libc::aligned_alloc(24, 8).is_null());
            assert!(c_memalign(0, 8).is_null());
            assert_eq!(*libc::__errno_location(), libc::EINVAL);
        }
    }

    #[test]
    fn more_than_there_is_gives_null() {
        // SAFETY: nothing is allocated.
        unsafe {
            assert!(libc::malloc(usize::MAX / 2).is_null());
            assert!(libc::calloc(usize::MAX, 2).is_null());
            assert!(libc::aligned_alloc(4096, usize::MAX / 2).is_null());
        }
    }
}
