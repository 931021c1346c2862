//! The child's side of a start, from `clone` to `execve`.
//! Everything here runs in the memory of the harness, so it must neither allocate nor panic.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::os::fd::RawFd;
use std::time::Instant;

use rustix::process::Signal;
use rustix::thread::CpuSet;

/// What the child reads and writes, prepared before `clone` because the child must not allocate.
pub(super) struct ExecArgs<'a> {
    pub(super) file: &'a CStr,
    pub(super) argv: &'a [*const c_char],
    pub(super) envp: &'a [*const c_char],
    pub(super) pid_digits: &'a [Cell<u8>],
    pub(super) fds: &'a [(RawFd, RawFd)],
    pub(super) cpus: Option<CpuSet>,
    pub(super) before_exec: Cell<Option<Instant>>,
    pub(super) errno: Cell<c_int>,
}

/// Returns only if `execve` or a step before it fails; returning ends the child.
pub(super) extern "C" fn enter(args: *mut c_void) -> c_int {
    // SAFETY: spawn.rs passes a pointer to an ExecArgs that outlives the child; the fields that change are Cells.
    #[allow(unsafe_code)]
    let args = unsafe { &*args.cast::<ExecArgs<'_>>() };
    let errno = become_program(args);
    args.errno.set(errno);
    127
}

/// Makes system calls only: no allocation, no lock, nothing that can panic. Returns the errno.
fn become_program(args: &ExecArgs<'_>) -> c_int {
    let last_errno = || io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.raw_os_error();
    }
    if let Some(cpus) = &args.cpus
        && let Err(error) = rustix::thread::sched_setaffinity(None, cpus)
    {
        return error.raw_os_error();
    }
    for (from, to) in args.fds {
        // SAFETY: dup2 takes only numbers; without CLONE_FILES the child changes only its own table.
        #[allow(unsafe_code)]
        if unsafe { libc::dup2(*from, *to) } < 0 {
            return last_errno();
        }
    }
    // Rust programs ignore SIGPIPE, and execve would pass that on to the server.
    // SAFETY: no handler is installed, and without CLONE_SIGHAND the harness keeps its own disposition.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
    write_digits(args.pid_digits, rustix::process::getpid().as_raw_pid());
    args.before_exec.set(Some(Instant::now()));
    // SAFETY: the path and all strings are NUL-terminated, both arrays end in a null pointer, and all of
    // them live in the harness, which waits.
    #[allow(unsafe_code)]
    unsafe {
        libc::execve(args.file.as_ptr(), args.argv.as_ptr(), args.envp.as_ptr());
    }
    last_errno()
}

fn write_digits(room: &[Cell<u8>], number: i32) {
    let mut divisor = 1;
    while number / divisor >= 10 {
        divisor *= 10;
    }
    for place in room {
        if divisor == 0 {
            break;
        }
        place.set(b'0' + (number / divisor % 10) as u8);
        divisor /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn process_id_is_written_in_place_and_ends_in_nul() {
        for (number, text) in [(7, "7"), (10, "10"), (4_194_304, "4194304"), (i32::MAX, "2147483647")] {
            let room: Vec<Cell<u8>> = vec![Cell::new(0); 12];
            write_digits(&room, number);
            let bytes: Vec<u8> = room.iter().map(Cell::get).collect();
            assert_eq!(CStr::from_bytes_until_nul(&bytes).unwrap().to_str().unwrap(), text);
        }
    }
}
