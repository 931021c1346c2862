//! Starts a program by the chosen method.

use anyhow::Result;

use super::method::Method;
use super::options::StartOptions;
use super::serving::Serving;
use super::{inherited, polled, ready};
use crate::process::Program;

/// Starts the program and returns once it has answered one request with 200.
///
/// # Errors
/// If the program cannot be executed, or does not answer with 200 within the time limit.
pub(crate) fn start(method: Method, program: &Program, options: &StartOptions<'_>) -> Result<Serving> {
    match method {
        Method::InheritedListener => inherited::start(program, options),
        Method::BindIncluded => ready::start(program, options),
        Method::ConnectPolling | Method::ContainerRun | Method::ContainerPublished => {
            polled::start(program, options)
        }
    }
}
