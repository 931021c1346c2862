//! Code that the two programs, `coldstart` and `steady`, share.

pub mod stats;
