//! What becomes of a process's descriptors at a crash. All of it may be called after a signal.

use std::ffi::c_int;
use std::os::fd::RawFd;

use bytes::Bytes;

use crate::crash::connections::{self, Request};

/// The next image finds the survivors at this number or above.
const ABOVE_ALL: RawFd = 10;

/// The response to a request that panicked, around the request's id.
pub(crate) struct ErrorResponse {
    /// Up to the id, which is the end of the head's last line.
    pub(crate) before: Vec<u8>,
    /// The body.
    pub(crate) body: Bytes,
}

/// Marks all descriptors to be closed by the next image, except the standard ones and a copy of this one, which is
/// returned.
#[allow(unsafe_code)]
pub(crate) fn keep_open(descriptor: Option<RawFd>) -> Option<RawFd> {
    const CLOSE_RANGE_CLOEXEC: c_int = 4;
    // SAFETY: numbers are passed, and no descriptor is closed here.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 3, c_int::MAX, CLOSE_RANGE_CLOEXEC) != 0 {
            // Linux before 5.11. Our own have the mark already; these may be the parent process's.
            for fd in 3..1024 {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
        let copy = libc::fcntl(descriptor?, libc::F_DUPFD, ABOVE_ALL);
        (copy >= 0).then_some(copy)
    }
}

/// Writes the error response of a request that has got nothing yet, if nothing else is pending on its connection.
/// Returns whether the kernel took all of it.
#[allow(unsafe_code)]
pub(crate) fn respond(response: &ErrorResponse, request: &Request) -> bool {
    let ErrorResponse { before, body } = response;
    let after = b"\r\n\r\n";
    let body: &[u8] = if request.is_head { &[] } else { body };
    let part = |start: *const u8, length| libc::iovec { iov_base: start.cast_mut().cast(), iov_len: length };
    let (id, id_length) = request.id;
    let mut parts = [
        part(before.as_ptr(), before.len()),
        part(id, id_length),
        part(after.as_ptr(), after.len()),
        part(body.as_ptr(), body.len()),
    ];
    let length = before.len() + id_length + after.len() + body.len();
    let mut byte = 0_u8;
    // SAFETY: recv is given one byte to write to. A message is plain data, and its parts are only read; an address
    // that is not readable is an error of the call. Both may be called after a signal and do not block.
    unsafe {
        let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
        if libc::recv(request.fd, (&raw mut byte).cast(), 1, flags) >= 0 || errno() != libc::EAGAIN as u64 {
            return false; // a pipelined request, or the client has left
        }
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = parts.as_mut_ptr();
        message.msg_iovlen = parts.len() as _;
        let sent = libc::sendmsg(request.fd, &raw const message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL);
        usize::try_from(sent) == Ok(length)
    }
}

/// Has the connections with a response in progress reset when they are closed, so that a truncated response does not
/// look complete.
#[allow(unsafe_code)]
pub(crate) fn reset_connections(except: Option<RawFd>) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let length = size_of::<libc::linger>() as libc::socklen_t;
    for fd in connections::in_progress().filter(|fd| Some(*fd) != except) {
        // SAFETY: the option lives as long as the call, and has this length.
        unsafe {
            libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const linger).cast(), length)
        };
    }
}

#[allow(unsafe_code)]
pub(crate) fn errno() -> u64 {
    // SAFETY: it is the calling thread's own error number.
    unsafe { *libc::__errno_location() as u64 }
}
