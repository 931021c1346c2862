//! The rules of this repository that a machine can check, as tests over its own source code.
//!
//! `sources` finds the packages, `walk` and `collect` read modules, names and paths out of their files, `resolve` follows
//! each path to the file that defines the item, `graph` makes edges and cycles of that, and `rules` holds one test per
//! rule; `tables` lists what the rules allow. `snippets` tests the checker itself.
//!
//! An edge leads from a file to each other file that defines an item which the first one names, in a `use` or a path,
//! through re-exports, globs and aliases. `mod` makes no edge, nor does naming a module. Code that only tests compile
//! does not count.
//!
//! The checker does not see method calls and field accesses (only a compiler knows their types), names in format
//! strings, attributes, and code that a macro generates. It sees paths in a macro's arguments and rules.
//!
//! `cargo test -p space-kit --test house -- --nocapture counts` prints the counts of each package.
//! `HOUSE_ROOT=DIR` checks another checkout instead of this one.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)] // a test fails by panicking

mod attributes;
mod collect;
mod graph;
mod model;
mod resolve;
mod rules;
mod snippets;
mod sources;
mod tables;
mod tokens;
mod walk;
