//! One test for each rule, over the sources of the repository.

mod files;
mod imports;
mod names;
