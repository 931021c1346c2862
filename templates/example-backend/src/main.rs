//! The program: runs the service from `lib.rs`.
#![no_main]

space_kit::program!(example_backend::SERVICE);
