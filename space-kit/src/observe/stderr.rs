//! Writes lines to standard error without waiting for whoever reads it. The descriptor may be shared with other
//! processes, so it stays as it is: O_NONBLOCK would be theirs too.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The longest line in bytes. A pipe that has room takes this many in one piece (pipe(7), PIPE_BUF).
pub(crate) const LONGEST: usize = 4096;

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// The number of lines that standard error did not take.
pub(crate) fn dropped() -> u64 {
    DROPPED.load(Relaxed)
}

/// Bytes of a line.
pub(crate) fn part(start: *const u8, length: usize) -> libc::iovec {
    libc::iovec { iov_base: start.cast_mut().cast(), iov_len: length }
}

/// Writes a line of these parts, which together have at most [`LONGEST`] bytes. Drops and counts it if standard error
/// takes nothing now. May be called after a signal.
#[allow(unsafe_code)]
pub(crate) fn write(parts: &[libc::iovec]) {
    let mut ready = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: poll is given one entry, and writev parts that are only read. An address that is not readable is an
    // error of the call.
    let written = unsafe {
        if libc::poll(&raw mut ready, 1, 0) == 1 && ready.revents & libc::POLLOUT != 0 {
            libc::writev(libc::STDERR_FILENO, parts.as_ptr(), parts.len() as libc::c_int)
        } else {
            -1
        }
    };
    if written < 0 {
        DROPPED.fetch_add(1, Relaxed);
    }
}
