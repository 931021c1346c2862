//! Counts the system calls from `execve` to the write of the first response with strace. Unlike a
//! time, a count has no noise.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::thread;

use anyhow::{Context, Result, anyhow};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde::{Deserialize, Serialize};

use crate::process::Program;
use crate::start::{Method, StartOptions, start};

/// The system calls of all threads and processes of a server.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Syscalls {
    /// Includes `execve` and the write of the response.
    pub(crate) to_first_answer: u64,
    pub(crate) by_name: BTreeMap<String, u64>,
}

impl Syscalls {
    /// Starts the server once under strace, which is searched in `search` (the format of `PATH`).
    ///
    /// # Errors
    /// If strace is missing or not permitted, or the server does not start under it.
    pub(crate) fn count(
        program: &Program,
        method: Method,
        options: &StartOptions<'_>,
        search: &str,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let pipe = folder.path().join("trace");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).context("mkfifo")?;
        // -D makes the tracer a grandchild, so that the server keeps the id that LISTEN_PID names.
        let words = ["strace", "-D", "-f", "-qq", "-o", &pipe.display().to_string(), "--"].map(str::to_owned);
        let strace = Program::find(&words, search)?;

        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe)
        });
        let answered = start(method, &program.under(&strace), options).and_then(|serving| serving.end());
        // If strace never opened the pipe, the reader still waits for a writer. Open and close it once.
        drop(OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&pipe));
        let trace = reader.join().map_err(|_| anyhow!("the reader of the trace panicked"))??;
        answered.context("under strace")?;
        parse(&String::from_utf8_lossy(&trace)).context("the trace has no HTTP response")
    }
}

/// Returns `None` if the trace has no response. Lines are `PID name(arguments) = result`.
fn parse(trace: &str) -> Option<Syscalls> {
    let mut found = Syscalls::default();
    for line in trace.lines() {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let Some((name, arguments)) = call.split_once('(') else { continue };
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            continue; // a signal, an exit, or the second half of a call that is already counted
        }
        found.to_first_answer += 1;
        *found.by_name.entry(name.to_owned()).or_default() += 1;
        if arguments.contains("\"HTTP/1.") {
            return Some(found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = r#"
41 execve("./server", ["./server"], 0x7ffd /* 5 vars */) = 0
41 brk(NULL) = 0x5555
41 accept(3,  <unfinished ...>
42 mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f11
41 <... accept resumed>NULL, NULL) = 4
41 --- SIGURG {si_signo=SIGURG, si_code=SI_TKILL} ---
41 recvfrom(4, "GET /health HTTP/1.1\r\nHost: 127."..., 4096, 0, NULL, NULL) = 40
41 writev(4, [{iov_base="HTTP/1.1 200 OK\r\ncontent-length"..., iov_len=60}, {iov_base="ok", iov_len=2}], 2) = 62
41 close(4) = 0
41 +++ exited with 0 +++
"#;

    #[test]
    fn calls_are_counted_once_up_to_and_including_the_response() {
        let found = parse(TRACE).unwrap();
        let names: Vec<&str> = found.by_name.keys().map(String::as_str).collect();
        assert_eq!(found.to_first_answer, 6);
        assert_eq!(names, ["accept", "brk", "execve", "mmap", "recvfrom", "writev"]);
    }

    #[test]
    fn trace_without_a_response_gives_no_count() {
        assert_eq!(parse(&TRACE.replace("\"HTTP/1.1 200", "\"SSH")), None);
    }
}
