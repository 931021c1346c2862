//! The start of the process. C's start code calls the service's `main` directly instead of std's, which prepares a
//! message about stack overflows with eight system calls in each start-up; a stack overflow ends the process either
//! way. The rest of what std does is done here.

use std::ffi::{CStr, OsStr, c_char, c_int};
use std::os::unix::ffi::OsStrExt;

use crate::command::run::main;
use crate::crash::restart::set_origin;
use crate::service::description::Service;

/// Makes a service the program's `main`. A `main.rs` consists of this and `#![no_main]`.
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

/// Runs a service with the arguments and the environment of its process, and returns the exit status.
///
/// # Safety
///
/// Both are arrays of C strings that end with a null pointer, and nothing changes them while the process runs.
#[allow(unsafe_code)]
pub unsafe fn run<S: Send + Sync + 'static>(
    service: &'static Service<S>,
    args: *const *const c_char,
    env: *const *const c_char,
) -> c_int {
    prepare();
    // SAFETY: the caller's promise is passed on.
    unsafe { set_origin(args, env) };
    // SAFETY: as above.
    let (args, env) = unsafe { (strings(args), strings(env)) };
    let settings: Vec<_> = env.filter_map(setting).collect();
    c_int::from(main(service, args, &settings))
}

/// Does what std's start does: it opens descriptors 0 to 2 if they are closed, so that no socket gets the number that
/// errors are written to, and makes writing to a closed pipe an error instead of a signal.
#[allow(unsafe_code)]
fn prepare() {
    for standard in 0..=2 {
        // SAFETY: only a number and a static C string are passed; a new descriptor gets the lowest free number.
        let open = unsafe {
            libc::fcntl(standard, libc::F_GETFD) != -1
                || libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) == standard
        };
        if !open {
            std::process::abort();
        }
    }
    ignore_closed_pipes();
}

/// Makes writing to a closed pipe an error instead of a signal.
#[allow(unsafe_code)]
pub(crate) fn ignore_closed_pipes() {
    // SAFETY: no handler is installed.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// # Safety
///
/// As for [`run`].
#[allow(unsafe_code)]
unsafe fn strings(mut array: *const *const c_char) -> impl Iterator<Item = &'static OsStr> {
    std::iter::from_fn(move || {
        // SAFETY: the caller promises that this is within the array, which ends with null, and that each pointer before
        // the end is a string that does not change.
        let (string, next) = unsafe { (*array, array.add(1)) };
        if string.is_null() {
            return None;
        }
        array = next;
        // SAFETY: as above.
        Some(OsStr::from_bytes(unsafe { CStr::from_ptr(string) }.to_bytes()))
    })
}

/// Name and value of one variable, or `None` if it has no `=`.
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
        // SAFETY: it is such an array, of static strings.
        let seen: Vec<_> = unsafe { strings(array.as_ptr()) }.collect();
        assert_eq!(seen, ["one", ""]);
    }
}
