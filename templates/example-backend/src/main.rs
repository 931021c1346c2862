//! Hands the process's arguments and environment to the service.

use std::process::ExitCode;

#[allow(clippy::disallowed_methods)] // main is the one place that touches the process
fn main() -> ExitCode {
    space_kit::main(&example_backend::SERVICE, std::env::args_os(), std::env::vars_os())
}
