//! Where a process begins. C's start code calls the service's `main` directly, in place of std's: that would make room
//! for a message about a stack overflow in each start, eight system calls, and a thread's stack overflow ends the
//! process either way. What else std's does is done here.

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::command::run::main;
use crate::service::description::Service;

/// Makes a service the program's `main`: what `main.rs` consists of, after `#![no_main]`.
#[macro_export]
macro_rules! program {
    ($service:expr) => {
        // SAFETY of the name: C's start code calls it once, and a program has one.
        #[allow(unsafe_code)]
        #[unsafe(no_mangle)]
        extern "C" fn main(
            _: ::std::ffi::c_int,
            args: *const *const ::std::ffi::c_char,
            env: *const *const ::std::ffi::c_char,
        ) -> ::std::ffi::c_int {
            // SAFETY: C's start code passes these, glibc's and musl's alike.
            unsafe { $crate::process::run(&$service, args, env) }
        }
    };
}

/// What a panic before anything is served ends with, as std has it.
const PANICKED: c_int = 101;

/// Runs a service with the arguments and the environment of its process, and gives the exit status.
///
/// # Safety
///
/// Both are arrays of strings of C, a null pointer behind the last, that nobody changes while the process lives.
#[allow(unsafe_code)]
pub unsafe fn run<S: Send + Sync + 'static>(
    service: &'static Service<S>,
    args: *const *const c_char,
    env: *const *const c_char,
) -> c_int {
    prepare();
    // SAFETY: the caller's promise is passed on.
    let (args, env) = unsafe { (strings(args), strings(env)) };
    let settings: Vec<_> = env.filter_map(setting).collect();
    let status = catch_unwind(AssertUnwindSafe(|| main(service, args, &settings)));
    status.map_or(PANICKED, c_int::from)
}

/// As std's own start: descriptors 0 to 2 are open, so that no socket gets the number to which errors are written; and
/// who writes to a closed pipe gets an error, no signal.
#[allow(unsafe_code)]
fn prepare() {
    for standard in 0..=2 {
        // SAFETY: a number is passed, and a string of C that lives for ever; a new descriptor gets the lowest number.
        let open = unsafe {
            libc::fcntl(standard, libc::F_GETFD) != -1
                || libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) == standard
        };
        if !open {
            std::process::abort();
        }
    }
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// # Safety
///
/// As for [`run`].
#[allow(unsafe_code)]
unsafe fn strings(mut array: *const *const c_char) -> impl Iterator<Item = &'static OsStr> {
    std::iter::from_fn(move || {
        // SAFETY: the caller has it that this is within the array, whose last is null, and that each before it is a
        // string that stays as it is.
        let (string, next) = unsafe { (*array, array.add(1)) };
        if string.is_null() {
            return None;
        }
        array = next;
        // SAFETY: as above.
        Some(OsStr::from_bytes(unsafe { CStr::from_ptr(string) }.to_bytes()))
    })
}

/// Name and value of one variable. What has no `=` is none.
fn setting(variable: &'static OsStr) -> Option<(&'static OsStr, &'static OsStr)> {
    let bytes = variable.as_bytes();
    let (name, value) = bytes.split_at_checked(bytes.iter().position(|&byte| byte == b'=')?)?;
    Some((OsStr::from_bytes(name), OsStr::from_bytes(value.get(1..)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_ends_its_name_at_the_first_equals_sign() {
        let split = |text| setting(OsStr::new(text)).map(|(name, value)| (name.to_str(), value.to_str()));
        assert_eq!(split("A=b=c"), Some((Some("A"), Some("b=c"))));
        assert_eq!(split("A="), Some((Some("A"), Some(""))));
        assert_eq!(split("A"), None);
    }

    #[test]
    #[allow(unsafe_code)]
    fn strings_end_at_the_null_pointer() {
        let array = [c"one".as_ptr(), c"".as_ptr(), std::ptr::null(), c"beyond".as_ptr()];
        // SAFETY: it is such an array, of strings that live for ever.
        let seen: Vec<_> = unsafe { strings(array.as_ptr()) }.collect();
        assert_eq!(seen, ["one", ""]);
    }
}
