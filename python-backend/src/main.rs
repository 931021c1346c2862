//! The process's `main`.
#![no_main]

space_kit::program!(python_backend::SERVICE);
