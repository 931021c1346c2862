//! The service of a unit test as a process: the test binary, which runs one of its own ignored tests.

use std::ffi::OsStr;
use std::process::Stdio;

use super::process::Process;
use crate::service::description::Service;

/// Serves until the process is killed. The variables are set beside those that every test needs.
pub(crate) fn serve<S: Send + Sync + 'static>(service: &'static Service<S>, variables: &[(&str, &str)]) {
    let common = [("HOST", "127.0.0.1"), ("PORT", "0"), ("LOG_FORMAT", "json"), ("ALLOWED_HOSTS", "*")];
    let all = common.iter().chain(variables);
    let env: Vec<_> = all.map(|(name, value)| (OsStr::new(name), OsStr::new(value))).collect();
    crate::main(service, std::iter::empty(), &env);
}

/// Starts the ignored test of this name, such as `files::tests::serve`, which calls [`serve`].
pub(crate) fn start(test: &str) -> Process {
    let mut command = Process::command(std::env::current_exe().unwrap(), &[]);
    command.args(["--exact", test, "--ignored", "--nocapture"]).stdout(Stdio::null());
    Process::spawn(command)
}
