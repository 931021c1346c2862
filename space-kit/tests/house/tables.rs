//! What the rules allow: each exception with its reason. A row that nothing needs any more fails the rule's test.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::sources::SOURCES;

/// The packages that each package may name in its code and in its manifest's `[dependencies]`.
pub(crate) const MAY_IMPORT: [(&str, &[&str]); 6] = [
    ("space-heap", &[]),
    ("space-kit", &["space-heap"]),
    ("python-backend", &["space-kit"]),
    ("nodejs-backend", &["space-kit"]),
    ("example-backend", &["space-kit"]),
    ("benches", &[]),
];

/// Paths, as `rustc` knows them, that read a clock or draw random bits: the last two segments.
pub(crate) const CLOCKS: [(&str, &str); 6] = [
    ("Instant", "now"),
    ("Instant", "elapsed"),
    ("SystemTime", "now"),
    ("RandomState", "new"),
    ("SystemRandom", "new"),
    ("rand", "generate"),
];

/// The files and folders that may read a clock or draw random bits. All other code takes time and randomness as
/// arguments, so that a test can give them.
pub(crate) const CLOCK_EDGES: &[(&str, &str)] = &[("space-kit/src/", "placeholder")];

/// The files and folders of what ships that may look at the process's environment and arguments by `std::env`.
pub(crate) const ENVIRONMENT_EDGES: &[(&str, &str)] = &[];

/// The files and folders with `unsafe` code.
pub(crate) const UNSAFE: &[(&str, &str)] = &[
    ("space-kit/src/heap", "the allocator"),
    ("space-kit/src/process.rs", "reads the arguments and the environment that C hands over"),
    ("space-kit/src/listen.rs", "takes a descriptor that the parent process says is ours"),
    ("space-kit/src/shutdown.rs", "holds signals back and reads them from a descriptor"),
    ("benches/src/process", "starts a process with clone and execve"),
    ("benches/src/start/cache.rs", "asks for pages to leave the page cache"),
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
