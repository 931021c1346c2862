//! The listener of the Rust peers: inherited as descriptor 3, or bound to HOST and PORT.

use std::net::TcpListener;
use std::os::fd::FromRawFd;

pub(crate) fn listen() -> std::io::Result<TcpListener> {
    if var("LISTEN_FDS").as_deref() == Some("1") {
        // SAFETY: descriptor 3 is the listening socket from the harness, and only this call takes it.
        return Ok(unsafe { TcpListener::from_raw_fd(3) });
    }
    let (host, port) = (var("HOST").unwrap_or_default(), var("PORT").unwrap_or_default());
    TcpListener::bind(format!("{host}:{port}"))
}

pub(crate) fn var(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
