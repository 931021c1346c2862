//! A minimal hyper server: the peer "hyper" of the tables, which shows what our services add to hyper.

use std::io::Write;
use std::os::fd::{FromRawFd, RawFd};
use std::time::Instant;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;

#[path = "../../listen.rs"]
mod listen;

fn main() -> std::io::Result<()> {
    let started = Instant::now();
    let listener = listen::listen()?;
    listener.set_nonblocking(true)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        if let Some(fd) = listen::var("READY_FD").and_then(|fd| fd.parse::<RawFd>().ok()) {
            // SAFETY: the harness created this descriptor for this process, and only this call takes it.
            unsafe { std::fs::File::from_raw_fd(fd) }.write_all(b"\n")?;
        }
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(async move {
                let service = service_fn(|request| async move { answer(&request, started) });
                _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

fn answer<B>(request: &hyper::Request<B>, started: Instant) -> hyper::http::Result<Response<Full<Bytes>>> {
    if request.uri().path() != "/health" {
        return Response::builder().status(StatusCode::NOT_FOUND).body(Full::default());
    }
    let uptime = started.elapsed().as_secs();
    let body =
        json!({"status": "ok", "service": "hyper", "version": "1", "uptime_seconds": uptime}).to_string();
    Response::builder().header("content-type", "application/json").body(Full::from(body))
}
