//! The allocator of a static backend: dlmalloc behind thread-local free lists, blocks for 8 KiB buffers, and separate
//! mappings for large allocations.
//!
//! musl's allocator maps separate pages per size class and returns hyper's 8 KiB buffers to the kernel as soon as they
//! are freed; the next request faults them in again. This one places consecutive allocations side by side, and returns
//! memory to the kernel after connections have closed ([`trim`]).
//!
//! Linking this crate makes it Rust's global allocator and, on musl, C's `malloc` too.

mod buffers;
mod heap;
mod lists;
mod lock;
#[cfg(target_env = "musl")] // on glibc, where the other tests run, C keeps its own allocator
mod malloc;
mod pages;
mod segments;
#[cfg(test)]
mod tests;
mod trim;

pub use heap::claim;
pub use pages::{forget_failure, has_failed};
pub use trim::trim;
