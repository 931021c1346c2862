//! Starts a program with `clone(CLONE_VM | CLONE_VFORK)` and `execve`, like `posix_spawn`, which lacks three
//! things: `LISTEN_PID` must hold the child's own id, the child must be on its CPU before it becomes
//! the program, and the clock must start right before `execve`. With `fork`, every figure would
//! include copying the page tables of the harness.

use std::cell::Cell;
use std::ffi::{CString, c_char, c_void};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::child::Child;
use super::cpus::only;
use super::exec::{ExecArgs, enter};
use super::program::Program;

/// Descriptors to pass on are first moved to at least this number, above all numbers that a child sees.
const ABOVE_CHILDS_OWN: RawFd = 10;
const STACK_BYTES: usize = 64 * 1024;
const LISTEN_PID: &[u8] = b"LISTEN_PID=";

/// One start: the complete environment, and the descriptors to pass on with the numbers that they get.
/// 0, 1 and 2 are /dev/null unless `fds` replaces them.
pub(crate) struct Launch<'a> {
    pub(crate) program: &'a Program,
    pub(crate) env: &'a [(String, String)],
    pub(crate) fds: Vec<(OwnedFd, RawFd)>,
    /// Adds `LISTEN_PID=<the child's id>` to the environment.
    pub(crate) listen_pid: bool,
    pub(crate) cpu: Option<usize>,
}

/// A program after a successful `execve`.
pub(crate) struct Spawned {
    pub(crate) child: Child,
    pub(crate) before_clone: Instant,
    pub(crate) before_exec: Instant,
}

/// Starts the program and returns after its `execve`.
///
/// # Errors
/// If `clone`, `execve` or a step between them fails.
pub(crate) fn spawn(launch: Launch<'_>) -> Result<Spawned> {
    let file = launch.program.c_file()?;
    let words = launch.program.c_words()?;
    let variables: Vec<CString> = launch
        .env
        .iter()
        .map(|(name, value)| CString::new(format!("{name}={value}")))
        .collect::<Result<_, _>>()
        .context("a variable contains a NUL byte")?;
    // 12 bytes for the digits that the child writes and the terminating NUL.
    let listen_pid: Vec<Cell<u8>> = LISTEN_PID.iter().copied().chain([0; 12]).map(Cell::new).collect();
    let (_, pid_digits) = listen_pid.split_at(LISTEN_PID.len());

    let fds = above_childs_own(launch.fds)?;
    let null = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    let null = rustix::io::fcntl_dupfd_cloexec(&null, ABOVE_CHILDS_OWN)?;
    let mut numbers: Vec<(RawFd, RawFd)> = (0..=2).map(|standard| (null.as_raw_fd(), standard)).collect();
    numbers.extend(fds.iter().map(|(fd, number)| (fd.as_raw_fd(), *number)));

    let listen_pid = launch.listen_pid.then(|| listen_pid.as_ptr().cast::<c_char>());
    let argv: Vec<_> = words.iter().map(|word| word.as_ptr()).chain([ptr::null()]).collect();
    let envp: Vec<_> =
        variables.iter().map(|variable| variable.as_ptr()).chain(listen_pid).chain([ptr::null()]).collect();
    let args = ExecArgs {
        file: &file,
        argv: &argv,
        envp: &envp,
        pid_digits,
        fds: &numbers,
        cpus: launch.cpu.map(only),
        before_exec: Cell::new(None),
        errno: Cell::new(0),
    };

    let before_clone = Instant::now();
    let child = clone(&args).context("clone")?;
    let errno = args.errno.get();
    ensure!(errno == 0, "{}: {}", launch.program.file.display(), io::Error::from_raw_os_error(errno));
    let before_exec = args.before_exec.get().context("the child died before execve")?;
    Ok(Spawned { child, before_clone, before_exec })
}

fn above_childs_own(fds: Vec<(OwnedFd, RawFd)>) -> Result<Vec<(OwnedFd, RawFd)>> {
    let high = |(fd, number)| Ok((rustix::io::fcntl_dupfd_cloexec(fd, ABOVE_CHILDS_OWN)?, number));
    fds.into_iter().map(high).collect()
}

fn clone(args: &ExecArgs<'_>) -> io::Result<Child> {
    let mut stack = vec![0_u128; STACK_BYTES / size_of::<u128>()];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    let top = stack.as_mut_ptr_range().end.cast::<c_void>();
    let args = ptr::from_ref(args).cast_mut().cast::<c_void>();
    // SAFETY: CLONE_VFORK suspends this thread until the child has called execve or exited, so the stack and
    // the arguments outlive every use by the child, and no other code writes to them meanwhile. `top` is the
    // upper end of that stack and 16-byte aligned, as u128 is. `enter` has the signature that clone expects.
    #[allow(unsafe_code)]
    let pid = unsafe { libc::clone(enter, top, flags, args) };
    Child::new(pid).ok_or_else(io::Error::last_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_sees_only_its_own_id_and_the_given_variables() {
        let words: Vec<String> = ["sh", "-c", "test $$ = $LISTEN_PID && env >&3"].map(str::to_owned).into();
        let program = Program::find(&words, "/bin").unwrap();
        let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap();
        let env = [("A".to_owned(), "b".to_owned()), ("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
        let fds = vec![(write, 3)];
        let launch = Launch { program: &program, env: &env, fds, listen_pid: true, cpu: None };
        let spawned = spawn(launch).unwrap();
        let printed = io::read_to_string(std::fs::File::from(read)).unwrap();
        let mut variables: Vec<_> = printed
            .lines()
            .filter(|line| {
                !["PWD", "SHLVL", "_", "OLDPWD"].iter().any(|own| line.starts_with(&format!("{own}=")))
            })
            .collect();
        variables.sort_unstable();
        let id = format!("LISTEN_PID={}", spawned.child.id());
        assert_eq!(variables, ["A=b", &id, "PATH=/usr/bin:/bin"]);
        assert!(spawned.before_clone <= spawned.before_exec);
    }

    #[test]
    fn file_that_cannot_be_executed_is_an_error_with_its_name() {
        let program = Program { file: "/nowhere/server".into(), words: vec!["server".to_owned()] };
        let launch = Launch { program: &program, env: &[], fds: vec![], listen_pid: false, cpu: None };
        let error = spawn(launch).err().unwrap().to_string();
        assert!(error.contains("/nowhere/server") && error.contains("No such file"), "{error}");
    }
}
