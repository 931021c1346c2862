//! Times parts of the services with Criterion. Each bench asserts its result once before it is timed.
//! `benches/README.md` explains how to compare two commits.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, missing_docs)] // a bench fails by panicking

mod kit;
mod memory;
mod nodejs_backend;
mod python_backend;
mod socket;

use criterion::{Criterion, criterion_group, criterion_main};

criterion_group! {
    name = benches;
    // One commit built in two folders differs by more than Criterion's default of 1 %, because of code placement.
    config = Criterion::default().noise_threshold(0.05);
    targets = kit::benches, memory::benches, python_backend::benches, nodejs_backend::benches
}
criterion_main!(benches);
