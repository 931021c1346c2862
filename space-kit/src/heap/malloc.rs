//! C's names for the heap. musl asks for memory when it looks up a name, std when it notes what a thread ends with.
//! Their few blocks come from here, so musl's allocator is not linked beside ours: five system calls and three page
//! faults less in each start.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr;

use super::HEAP;

// SAFETY of the names: each does what C says of it, and musl defines none of them beside these, or the linker would
// refuse two; so a block comes back to the allocator that gave it. What callers owe, they owe by C's rules.

#[unsafe(no_mangle)]
unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    // SAFETY: any size will do.
    HEAP.with(|parts| unsafe { parts.small.c_malloc(size) }).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let Some(size) = count.checked_mul(size) else { return ptr::null_mut() };
    // SAFETY: any size will do.
    HEAP.with(|parts| unsafe { parts.small.calloc(size, 1) }).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise is passed on; null is a block of no bytes to both.
    HEAP.with(|parts| unsafe { parts.small.c_realloc(block.cast(), size) }).cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: the caller's promise is passed on; null is nothing to both.
    HEAP.with(|parts| unsafe { parts.small.c_free(block.cast()) });
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(block: *mut *mut c_void, align: usize, size: usize) -> c_int {
    // SAFETY: POSIX has the caller give a power of two.
    let new = HEAP.with(|parts| unsafe { parts.small.c_memalign(align, size) });
    if new.is_null() {
        return libc::ENOMEM;
    }
    // SAFETY: the caller gives a place for the address.
    unsafe { *block = new.cast() };
    0
}
