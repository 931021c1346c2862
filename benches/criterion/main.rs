//! Parts of the services, timed by criterion. Each is asked for its result before it is timed. Groups have the names
//! of the modules. `benches/README.md` tells how two commits are compared.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, missing_docs)] // a bench that cannot go on is to fail

mod kit;
mod memory;
mod nodejs_backend;
mod python_backend;
mod socket;

use criterion::{Criterion, criterion_group, criterion_main};

criterion_group! {
    name = benches;
    // One commit built in two folders differs by more than criterion's one per cent: where code lies in memory.
    config = Criterion::default().noise_threshold(0.05);
    targets = kit::benches, memory::benches, python_backend::benches, nodejs_backend::benches
}
criterion_main!(benches);
