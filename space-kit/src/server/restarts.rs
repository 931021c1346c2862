//! What a server does about crashes: it prepares the restart after the next one, and resumes after the last one.

use std::io;
use std::os::fd::RawFd;

use crate::crash::handler;
use crate::crash::restart::{self, Preparation};
use crate::server::render::Server;
use crate::server::shutdown::Signals;

/// Makes the process restart after a crash from now on.
pub(crate) fn prepare<S: Send + Sync + 'static>(server: &Server<S>, listener: RawFd) {
    let kit = server.kit();
    let config = &kit.config;
    if !config.crash_restart {
        return;
    }
    let preparation = Preparation {
        format: kit.log.format(),
        burst: config.crash_burst,
        restarts: config.restarts,
        response: server.panic_response(),
    };
    if restart::prepare(preparation, listener) {
        handler::catch_signals();
    }
}

/// A process that has restarted catches its next crash before it accepts a connection, and waits if it crashes often.
/// Returns whether a signal ended the wait.
pub(crate) async fn resume<S: Send + Sync + 'static>(
    server: &Server<S>,
    listener: RawFd,
    signals: &Signals,
) -> io::Result<bool> {
    let config = &server.kit().config;
    prepare(server, listener);
    handler::name_process(server.kit().name);
    let delay = config.restarts.delay(config.crash_burst);
    if delay.is_zero() {
        return Ok(false);
    }
    let mut signals = signals.watch()?;
    Ok(tokio::time::timeout(delay, signals.next()).await.is_ok())
}
