//! What notices a crash: handlers of the signals that faults raise, and the panic hook.

use std::ffi::{c_int, c_void};
use std::panic::PanicHookInfo;
use std::ptr;

use crate::crash::record::Cause;
use crate::crash::restart::{Fault, report, restart};
use crate::observe::log::Format;

/// Bytes of an alternate signal stack. The kernel's part is up to 12 KB of it, with all of AVX-512 and AMX.
const STACK: usize = 32 * 1024;

const SIGNALS: [(c_int, Cause); 5] = [
    (libc::SIGSEGV, Cause::Segv),
    (libc::SIGBUS, Cause::Bus),
    (libc::SIGILL, Cause::Ill),
    (libc::SIGFPE, Cause::Fpe),
    (libc::SIGABRT, Cause::Abrt),
];

/// Catches the signals of faults from now on, on this thread and on those that call [`use_own_stack`]. Restarts must be
/// prepared: a handler that returns repeats the fault.
#[allow(unsafe_code)]
pub(crate) fn catch_signals() {
    use_own_stack();
    // SAFETY: an action is plain data, and the handler is async-signal-safe. All other signals are blocked while it
    // runs, so that nothing interrupts it; a fault in the handler itself ends the process.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigfillset(&raw mut action.sa_mask);
        for (signal, _) in SIGNALS {
            libc::sigaction(signal, &raw const action, ptr::null_mut());
        }
    }
    limit_core_dumps();
}

#[allow(unsafe_code)]
extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    let cause = SIGNALS.iter().find(|(number, _)| *number == signal).map_or(Cause::Abrt, |(_, cause)| *cause);
    // SAFETY: the kernel passes a record, whose address is filled in for a fault (si_code above 0).
    let address = unsafe { info.as_ref().filter(|info| info.si_code > 0).map(|info| info.si_addr().addr()) };
    let address = address.filter(|_| matches!(cause, Cause::Segv | Cause::Bus));
    let failed = cause == Cause::Abrt && space_heap::has_failed();
    let cause = if failed { Cause::Allocation } else { cause };
    restart(&Fault { cause, address, panic: None });
}

/// Logs each panic as one line and restarts the process. If restarts are not prepared or disabled, the process aborts.
pub(crate) fn catch_panics(format: Format) {
    std::panic::set_hook(Box::new(move |panic| on_panic(panic, format)));
}

fn on_panic(panic: &PanicHookInfo<'_>, format: Format) {
    let place: &dyn std::fmt::Display = match panic.location() {
        Some(place) => place,
        None => &"unknown",
    };
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let fault = Fault { cause: Cause::Panic, address: None, panic: Some((place, text)) };
    restart(&fault);
    report(&fault, format);
    std::process::abort();
}

/// Gives the calling thread a stack of its own for signals, because a stack overflow leaves none. Without it, a stack
/// overflow of this thread ends the process.
#[allow(unsafe_code)]
pub(crate) fn use_own_stack() {
    // SAFETY: the mapping is new, and in use until `release_own_stack` or the end of the process.
    unsafe {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let start = libc::mmap(ptr::null_mut(), STACK, access, kind, -1, 0);
        if start != libc::MAP_FAILED {
            let stack = libc::stack_t { ss_sp: start, ss_flags: 0, ss_size: STACK };
            libc::sigaltstack(&raw const stack, ptr::null_mut());
        }
    }
}

/// Returns the stack of [`use_own_stack`] at the end of a thread.
#[allow(unsafe_code)]
pub(crate) fn release_own_stack() {
    // SAFETY: a stack is plain data. What is unmapped came from `use_own_stack` on this thread, which is the only place
    // that sets a stack of this size, and the thread no longer uses it.
    unsafe {
        let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        let mut old = none;
        if libc::sigaltstack(&raw const none, &raw mut old) == 0 && old.ss_size == STACK {
            libc::munmap(old.ss_sp, STACK);
        }
    }
}

/// A core dump can hold secrets. A limit of 1 also stops dumps that the kernel pipes to a program, which 0 does not.
#[allow(unsafe_code)]
fn limit_core_dumps() {
    let limit = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
    // SAFETY: the limit lives as long as the call. It fails if the limit is 0 already.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
}

/// Names the process again: after a restart the kernel calls it "exe".
#[allow(unsafe_code)]
pub(crate) fn name_process(name: &str) {
    let mut text = [0_u8; 16];
    for (to, from) in text.iter_mut().zip(name.bytes()).take(15) {
        *to = from;
    }
    // SAFETY: the kernel reads a string of at most 16 bytes, whose last one here is null.
    unsafe { libc::prctl(libc::PR_SET_NAME, text.as_ptr()) };
}
