//! Makes the service the process's `main`.
#![no_main]

space_kit::program!(example_backend::SERVICE);
