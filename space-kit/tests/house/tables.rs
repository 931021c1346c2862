//! What the rules allow: each exception with its reason. A row that nothing needs any more fails the rule's test.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::sources::SOURCES;

/// Whether one package may name another in its code and in its manifest.
pub(crate) fn may_import(from: &str, to: &str) -> bool {
    let below: &[&str] = match from {
        "space-kit" => &["space-heap"],
        service if is_service(service) => &["space-kit"],
        _ => &[], // the heap is below everything, and the harness sees only binaries
    };
    from == to || below.contains(&to)
}

pub(crate) fn is_service(package: &str) -> bool {
    package.ends_with("-backend")
}

/// Paths, as `rustc` knows them, that read a clock or draw random bits: the last two segments.
pub(crate) const CLOCKS: [(&str, &str); 6] = [
    ("Instant", "now"),
    ("Instant", "elapsed"),
    ("SystemTime", "now"),
    ("RandomState", "new"),
    ("SystemRandom", "new"),
    ("rand", "generate"),
];

/// The files that may read a clock or draw random bits. All other code takes time and randomness as arguments, so that
/// a test can give them.
pub(crate) const CLOCK_EDGES: &[(&str, &str)] = &[
    ("space-kit/src/command/run.rs", "the deadline of a drain begins with the signal"),
    ("space-kit/src/connection/state.rs", "times of a connection count from its start"),
    ("space-kit/src/crash/line.rs", "a line has the time at which it is written"),
    ("space-kit/src/crash/restart.rs", "a crash has the time at which it happens"),
    (
        "space-kit/src/jwks/discovery.rs",
        "a failed fetch pauses from its end, not from the request that began it",
    ),
    (
        "space-kit/src/jwks/key_source.rs",
        "a failed fetch pauses from its end, not from the request that began it",
    ),
    ("space-kit/src/jwt/testing.rs", "makes keys for tests"),
    ("space-kit/src/observe/log.rs", "a line has the time at which it is written"),
    ("space-kit/src/outgoing/crypto", "ephemeral keys and nonces of TLS"),
    ("space-kit/src/outgoing/pool.rs", "the age of an idle connection"),
    ("space-kit/src/server/connection.rs", "deadlines of the header and of the drain"),
    ("space-kit/src/server/render.rs", "the Date header of responses that hyper does not write"),
    ("space-kit/src/server/track.rs", "how long a request took"),
    ("space-kit/src/service/running.rs", "when the process started"),
    ("space-kit/src/testing/process.rs", "how long a test waits for a process"),
    ("python-backend/src/clock.rs", "makes the clock that the state hands out"),
    ("python-backend/src/config", "makes the state: keys of hash maps, a seed"),
    ("nodejs-backend/src/api/request.rs", "endpoints take the time from here and pass it on"),
    (
        "nodejs-backend/src/config",
        "makes the state: keys of hash maps, the random generator, a secret for development",
    ),
];

/// The files and folders of what ships that may look at the process's environment and arguments by `std::env`.
/// `command/process.rs` takes both from C's start code, so that nothing needs `std::env`.
pub(crate) const ENVIRONMENT_EDGES: &[(&str, &str)] = &[];

/// The files and folders with `unsafe` code.
pub(crate) const UNSAFE: &[(&str, &str)] = &[
    ("space-kit/heap/src", "the allocator"),
    ("space-kit/src/command/process.rs", "reads the arguments and the environment that C hands over"),
    ("space-kit/src/connection/io.rs", "looks at the bytes that it reads into hyper's buffer"),
    ("space-kit/src/observe/stderr.rs", "writes to standard error only if it takes something now"),
    ("space-kit/src/crash", "handles signals, executes the binary again, hands descriptors on"),
    ("space-kit/src/server/listen.rs", "takes a descriptor that the parent process says is ours"),
    ("space-kit/src/server/shutdown.rs", "holds signals back and reads them from a descriptor"),
    ("benches/src/coldstart/process", "starts a process with clone and execve"),
    ("benches/src/coldstart/start/page_cache.rs", "asks for pages to leave the page cache"),
];

/// Types that had a private name for something that the field has a word for. Lower case here, because the names must
/// not appear in any Rust file.
pub(crate) const FORBIDDEN_TYPES: [&str; 6] = ["lane", "errand", "guest", "passage", "opened", "intake"];

/// Files and modules of the same kind.
pub(crate) const FORBIDDEN_MODULES: [&str; 15] = [
    "lane", "errand", "intake", "tunnel", "bill", "tally", "meter", "spent", "near", "tidy", "jar", "visit",
    "phase", "plan", "watch",
];

/// Fails if a table's rows and the places that need them differ. A row allows a file, or a folder and all below it.
pub(crate) fn assert_table(rule: &str, table: &[(&str, &str)], found: &BTreeMap<PathBuf, String>) {
    let allows = |row: &str, path: &Path| path.starts_with(row);
    let mut problems = String::new();
    for (path, what) in found {
        if !table.iter().any(|(row, _)| allows(row, path)) {
            writeln!(problems, "  {}: {what}", path.display()).unwrap();
        }
    }
    for (row, _) in table {
        // A staged folder lacks whole packages, whose rows say nothing about it.
        let there = SOURCES.packages.iter().any(|package| Path::new(row).starts_with(&package.folder));
        if there && !found.keys().any(|path| allows(row, path)) {
            writeln!(problems, "  {row}: nothing there needs its row in tables.rs any more; remove the row")
                .unwrap();
        }
    }
    assert!(problems.is_empty(), "{rule}:\n{problems}");
}
