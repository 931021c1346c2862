//! Pages from the kernel.
#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static FAILED: AtomicBool = AtomicBool::new(false);

/// Bytes of a page.
pub(crate) const PAGE: usize = 4096;

/// A new mapping of `size` zero bytes; null if no memory is left.
pub(crate) fn map(size: usize) -> *mut u8 {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping at an address that the kernel chooses changes no existing memory.
    pointer(unsafe { libc::mmap(ptr::null_mut(), size, access, kind, -1, 0) })
}

/// Makes a mapping longer or shorter, and moves it if necessary; null if no memory is left.
///
/// # Safety
///
/// `start` and `old` are a mapping that came from [`map`] or from here; unless null is returned, the caller uses only
/// the returned address from now on.
pub(crate) unsafe fn remap(start: *mut u8, old: usize, new: usize) -> *mut u8 {
    // SAFETY: the caller's promise is passed on.
    pointer(unsafe { libc::mremap(start.cast(), old, new, libc::MREMAP_MAYMOVE) })
}

/// Returns a mapping, or some pages of one, to the kernel. False if the kernel refuses.
///
/// # Safety
///
/// The pages came from [`map`] and are no longer in use.
pub(crate) unsafe fn unmap(start: *mut u8, size: usize) -> bool {
    // SAFETY: the caller's promise is passed on.
    unsafe { libc::munmap(start.cast(), size) == 0 }
}

/// Returns the memory of pages to the kernel. They stay mapped, and their next use finds zeros.
///
/// # Safety
///
/// The pages are anonymous memory of this process, and what they hold is no longer in use.
pub(crate) unsafe fn discard(start: *mut u8, size: usize) {
    // SAFETY: the caller's promise is passed on. If the kernel refuses, the pages keep their memory.
    _ = unsafe { libc::madvise(start.cast(), size, libc::MADV_DONTNEED) };
}

fn pointer(mapped: *mut libc::c_void) -> *mut u8 {
    if mapped == libc::MAP_FAILED {
        FAILED.store(true, Relaxed);
        return ptr::null_mut();
    }
    mapped.cast()
}

/// Whether the kernel refused memory since the last [`forget_failure`]. If the process aborts then, this is why.
pub fn has_failed() -> bool {
    FAILED.load(Relaxed)
}

/// Notes that a failed allocation was handled.
pub fn forget_failure() {
    FAILED.store(false, Relaxed);
}
