//! A minimal axum server: the peer "axum" of the tables.

use std::io::Write;
use std::os::fd::{FromRawFd, RawFd};
use std::time::Instant;

use axum::{Json, Router, routing::get};
use serde_json::json;

#[path = "../../listen.rs"]
mod listen;

fn main() -> std::io::Result<()> {
    let started = Instant::now();
    let listener = listen::listen()?;
    listener.set_nonblocking(true)?;
    let health = move || async move {
        let uptime = started.elapsed().as_secs();
        Json(json!({"status": "ok", "service": "axum", "version": "1", "uptime_seconds": uptime}))
    };
    tokio::runtime::Builder::new_multi_thread().enable_io().build()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        if let Some(fd) = listen::var("READY_FD").and_then(|fd| fd.parse::<RawFd>().ok()) {
            // SAFETY: the harness created this descriptor for this process, and only this call takes it.
            unsafe { std::fs::File::from_raw_fd(fd) }.write_all(b"\n")?;
        }
        axum::serve(listener, Router::new().route("/health", get(health))).await
    })
}
