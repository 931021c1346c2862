//! One run of the harness: measures the programs, then the images.

mod containers;
mod measure;
mod subject;

pub(crate) use measure::{Env, measure};
