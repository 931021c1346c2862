//! The child's side of a start, from `clone` to `execve`.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::os::fd::RawFd;
use std::time::Instant;

use rustix::process::Signal;
use rustix::thread::CpuSet;

/// What the child reads and writes: laid out before `clone`, for the child must not allocate.
pub(super) struct Plan<'a> {
    pub(super) file: &'a CStr,
    pub(super) argv: &'a [*const c_char],
    pub(super) envp: &'a [*const c_char],
    pub(super) pid_digits: &'a [Cell<u8>],
    pub(super) fds: &'a [(RawFd, RawFd)],
    pub(super) cpus: Option<CpuSet>,
    pub(super) before_exec: Cell<Option<Instant>>,
    pub(super) errno: Cell<c_int>,
}

/// Returns only when `execve` or a step before it failed, which ends the child.
pub(super) extern "C" fn enter(plan: *mut c_void) -> c_int {
    // SAFETY: spawn.rs passes a pointer to a Plan that outlives the child; the fields that change are Cells.
    #[allow(unsafe_code)]
    let plan = unsafe { &*plan.cast::<Plan<'_>>() };
    let errno = become_program(plan);
    plan.errno.set(errno);
    127
}

/// Makes system calls alone: no allocation, no lock, nothing that may panic. Gives back the errno.
fn become_program(plan: &Plan<'_>) -> c_int {
    let last_errno = || io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
        return error.raw_os_error();
    }
    if let Some(cpus) = &plan.cpus
        && let Err(error) = rustix::thread::sched_setaffinity(None, cpus)
    {
        return error.raw_os_error();
    }
    for (from, to) in plan.fds {
        // SAFETY: numbers alone are passed; without CLONE_FILES the child changes its own table only.
        #[allow(unsafe_code)]
        if unsafe { libc::dup2(*from, *to) } < 0 {
            return last_errno();
        }
    }
    // SAFETY: no handler is installed, and without CLONE_SIGHAND the harness keeps its own setting.
    // Rust programs ignore SIGPIPE, which execve would hand on.
    #[allow(unsafe_code)]
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
    write_digits(plan.pid_digits, rustix::process::getpid().as_raw_pid());
    plan.before_exec.set(Some(Instant::now()));
    // SAFETY: the path and all strings are NUL-terminated, both arrays end in a null pointer, and all of
    // it lives in the harness, which waits.
    #[allow(unsafe_code)]
    unsafe {
        libc::execve(plan.file.as_ptr(), plan.argv.as_ptr(), plan.envp.as_ptr());
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
    fn the_process_id_is_written_without_an_allocation_and_ends_in_nul() {
        for (number, text) in [(7, "7"), (10, "10"), (4_194_304, "4194304"), (i32::MAX, "2147483647")] {
            let room: Vec<Cell<u8>> = vec![Cell::new(0); 12];
            write_digits(&room, number);
            let bytes: Vec<u8> = room.iter().map(Cell::get).collect();
            assert_eq!(CStr::from_bytes_until_nul(&bytes).unwrap().to_str().unwrap(), text);
        }
    }
}
