//! Executes the same binary again, in the same process. Everything here runs after a crash and may be called from a
//! signal handler, except what prepares it.

use std::ffi::{c_char, c_int};
use std::fmt::{self, Write};
use std::os::fd::RawFd;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering::Relaxed, Ordering::SeqCst};
use std::time::SystemTime;

use crate::crash::connections::{self, Request};
use crate::crash::descriptors::{ErrorResponse, errno, keep_open, reset_connections, respond};
use crate::crash::line::Line;
use crate::crash::record::{Burst, Cause, Crash, Restarts, TEXT};
use crate::crash::survivors;
use crate::observe::log::Format;
use crate::web::unix_seconds;

/// Exit status of a process that crashed and is not restarted (sysexits.h `EX_SOFTWARE`).
const CRASHED: c_int = 70;
/// The descriptor of the listening socket in the next image (sd_listen_fds(3)).
const LISTENER: RawFd = 3;
/// Variables that belong to one image.
const REPLACED: [&[u8]; 4] = [b"CRASH_RECORD=", b"LISTEN_FDS=", b"LISTEN_PID=", b"READY_FD="];
const RECORD: &[u8] = b"CRASH_RECORD=";

static ARGS: AtomicPtr<*const c_char> = AtomicPtr::new(ptr::null_mut());
static ENV: AtomicPtr<*const c_char> = AtomicPtr::new(ptr::null_mut());
static PREPARED: AtomicPtr<Prepared> = AtomicPtr::new(ptr::null_mut());
static LISTENING: AtomicI32 = AtomicI32::new(-1);
/// The thread that crashed first.
static CRASHING: AtomicI32 = AtomicI32::new(0);

/// What a crash needs, allocated before it and never freed.
struct Prepared {
    format: Format,
    burst: Burst,
    restarts: Restarts,
    pid: u32,
    path: *const c_char,
    /// The environment of the next image. The first variable is the record.
    env: Box<[*const c_char]>,
    record: AtomicPtr<u8>,
    response: ErrorResponse,
}

/// What is prepared for the crashes of this image.
pub(crate) struct Preparation {
    pub(crate) format: Format,
    pub(crate) burst: Burst,
    pub(crate) restarts: Restarts,
    pub(crate) response: ErrorResponse,
}

/// Notes where C keeps arguments and environment of the process.
///
/// # Safety
///
/// Both are arrays of strings of C, a null pointer behind the last, that do not change while the process lives.
#[allow(unsafe_code)]
pub(crate) unsafe fn set_origin(args: *const *const c_char, env: *const *const c_char) {
    ARGS.store(args.cast_mut(), Relaxed);
    ENV.store(env.cast_mut(), Relaxed);
}

/// Prepares restarts, and returns whether [`restart`] works from now on.
#[allow(unsafe_code)]
pub(crate) fn prepare(preparation: Preparation, listener: RawFd) -> bool {
    if ARGS.load(Relaxed).is_null() {
        return false; // nothing to execute again: this is not a program of `program!`
    }
    let pid = std::process::id();
    let record: &'static mut [u8] = vec![0; RECORD.len() + TEXT + 1].leak();
    let listen_pid = format!("LISTEN_PID={pid}\0").leak();
    let mut env = vec![record.as_ptr().cast(), c"LISTEN_FDS=1".as_ptr(), listen_pid.as_ptr().cast()];
    let mut variable = ENV.load(Relaxed).cast_const();
    // SAFETY: the promise made to `set_origin`: strings, up to a null pointer.
    unsafe {
        while !(*variable).is_null() {
            let text = std::ffi::CStr::from_ptr(*variable).to_bytes();
            if !REPLACED.iter().any(|name| text.starts_with(name)) {
                env.push(*variable);
            }
            variable = variable.add(1);
        }
    }
    env.push(ptr::null());
    let Preparation { format, burst, restarts, response } = preparation;
    // SAFETY: a number is passed.
    let path = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const c_char;
    let record = AtomicPtr::new(record.as_mut_ptr());
    let env = env.into_boxed_slice();
    let prepared = Prepared { format, burst, restarts, pid, path, env, record, response };
    LISTENING.store(listener, SeqCst);
    PREPARED.store(Box::into_raw(Box::new(prepared)), SeqCst);
    true
}

/// The service listens no more, so that a crash ends the process.
pub(crate) fn stops_listening() {
    LISTENING.store(-1, SeqCst);
}

/// What crashed.
pub(crate) struct Fault<'a> {
    pub(crate) cause: Cause,
    /// The address of a memory fault.
    pub(crate) address: Option<usize>,
    /// Place and message of a panic.
    pub(crate) panic: Option<(&'a dyn fmt::Display, &'a str)>,
}

impl Fault<'_> {
    /// The log line without its end.
    fn line(&self, format: Format, request: Option<&Request>) -> Line {
        let mut line = Line::new(format, if self.panic.is_some() { "panic" } else { "crashed" });
        match &self.panic {
            Some((place, text)) => {
                line.plain("place", place);
                line.text("cause", text);
            }
            None => line.plain("cause", &self.cause.name()),
        }
        if let Some(address) = self.address {
            line.plain("at", &format_args!("{address:#x}"));
        }
        if let Some(request) = request {
            line.plain("client", &request.client);
        }
        line
    }
}

/// Logs a crash that no restart follows.
pub(crate) fn report(fault: &Fault<'_>, format: Format) {
    let request = serves_requests().then(connections::current).flatten();
    let id = request.map(|request| request.id);
    fault.line(format, request.as_ref()).send(id);
}

/// Restarts the process, or ends it if that is hopeless. Returns only if no restart was prepared.
#[allow(unsafe_code)]
pub(crate) fn restart(fault: &Fault<'_>) {
    // SAFETY: null or leaked by `prepare`.
    let Some(prepared) = (unsafe { PREPARED.load(SeqCst).as_ref() }) else { return };
    let thread = thread();
    let nested = match CRASHING.compare_exchange(0, thread, SeqCst, SeqCst) {
        Ok(_) => false,
        Err(first) if first == thread => true, // a fault in the panic hook: log and respond no more
        Err(_) => park(),                      // another thread restarts, which ends this one
    };
    let request = (serves_requests() && !nested).then(connections::current).flatten();
    let crash = Crash {
        cause: fault.cause,
        now: monotonic_millis(),
        at: unix_seconds(SystemTime::now()),
        answered: connections::has_answered(),
        client: request.map(|request| request.client),
    };
    let listener = LISTENING.load(SeqCst);
    let kept = keep_open(survivors::descriptor());
    let restarts = prepared.restarts.after(&crash, prepared.burst, kept);
    let ends = restarts.is_hopeless() || listener < 0;
    if !nested {
        let mut line = fault.line(prepared.format, request.as_ref());
        line.number("restarts", restarts.count());
        if ends {
            let why =
                if listener < 0 { "it was draining" } else { "three crashes before the first response" };
            line.text("not_restarted", why);
        }
        line.send(request.map(|request| request.id));
    }
    let may_respond = |request: &Request| fault.panic.is_some() && request.unanswered;
    let answered = request.filter(|request| may_respond(request) && respond(&prepared.response, request));
    reset_connections(answered.map(|request| request.fd));
    if !ends {
        exec(prepared, &restarts, listener);
        let mut line = Line::new(prepared.format, "cannot restart");
        line.number("error", errno());
        line.send(None);
    }
    // SAFETY: it ends the process and runs nothing of it.
    unsafe { libc::_exit(CRASHED) }
}

#[allow(unsafe_code)]
fn thread() -> libc::pid_t {
    // SAFETY: it has no argument, and returns a number.
    unsafe { libc::gettid() }
}

/// Whether the calling thread is the first one, which polls all connections. On another thread, a connection can end
/// while it is read.
#[allow(unsafe_code)]
fn serves_requests() -> bool {
    // SAFETY: as in `thread`.
    thread() == unsafe { libc::getpid() }
}

/// Waits for the end of the process.
#[allow(unsafe_code)]
fn park() -> ! {
    loop {
        // SAFETY: it has no argument.
        unsafe { libc::pause() };
    }
}

#[allow(unsafe_code)]
fn monotonic_millis() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time lives as long as the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000
}

/// Executes the binary again. Returns only if that fails.
#[allow(unsafe_code)]
fn exec(prepared: &Prepared, restarts: &Restarts, listener: RawFd) {
    let mut record = Cursor { at: prepared.record.load(SeqCst), left: RECORD.len() + TEXT };
    if record.write_bytes(RECORD).is_err() || restarts.write(prepared.pid, &mut record).is_err() {
        return;
    }
    // SAFETY: a set is plain numbers. TERM and INT stay blocked: if one is pending, the next image reads it and
    // drains, while unblocked it would end the process before. Paths, arguments and environment are as `set_origin` and
    // `prepare` had them; the record ends with a null byte.
    unsafe {
        if listener == LISTENER {
            libc::fcntl(LISTENER, libc::F_SETFD, 0);
        } else {
            libc::dup2(listener, LISTENER);
        }
        let mut blocked: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut blocked);
        libc::sigaddset(&raw mut blocked, libc::SIGTERM);
        libc::sigaddset(&raw mut blocked, libc::SIGINT);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const blocked, ptr::null_mut());
        let args = ARGS.load(Relaxed).cast_const();
        libc::execve(c"/proc/self/exe".as_ptr(), args, prepared.env.as_ptr());
        if !prepared.path.is_null() {
            libc::execve(prepared.path, args, prepared.env.as_ptr()); // /proc is not mounted
        }
    }
}

/// Writes text to a buffer that `prepare` leaked.
struct Cursor {
    at: *mut u8,
    left: usize,
}

impl Cursor {
    #[allow(unsafe_code)]
    fn write_bytes(&mut self, bytes: &[u8]) -> fmt::Result {
        self.left = self.left.checked_sub(bytes.len()).ok_or(fmt::Error)?;
        // SAFETY: the buffer has this room left, and only the thread that crashed first writes to it.
        unsafe {
            self.at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            self.at = self.at.add(bytes.len());
        }
        Ok(())
    }
}

impl Write for Cursor {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write_bytes(text.as_bytes())
    }
}
