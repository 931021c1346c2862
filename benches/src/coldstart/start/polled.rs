//! Polling, the last resort: a server that neither inherits a socket nor writes a ready byte gets a
//! request every millisecond until it answers.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::http::{self, Reply};
use super::options::{StartOptions, free_port};
use super::serving::Serving;
use crate::process::{Child, Launch, Program, spawn};

const PAUSE: Duration = Duration::from_millis(1);

pub(super) fn start(program: &Program, options: &StartOptions<'_>) -> Result<Serving> {
    let address = free_port()?;
    let env = options.env_with(&[("PORT", address.port().to_string())]);
    let mut spawned = spawn(Launch { program, env: &env, fds: vec![], listen_pid: false, cpu: options.cpu })?;
    let answered = until_ok(address, options, || still_runs(&mut spawned.child))?;
    Ok(Serving::new(spawned, None, answered))
}

/// Fails if the server has exited, because it cannot answer any more.
pub(super) fn still_runs(child: &mut Child) -> Result<()> {
    match child.ended()? {
        Some(ended) => bail!("the server ended before its first response: {ended:?}"),
        None => Ok(()),
    }
}

/// Sends a request every millisecond until the response is a 200, and returns when that one began.
///
/// # Errors
/// If `alive` fails, a response is neither 200 nor 5xx, or the time limit passes.
pub(crate) fn until_ok(
    address: SocketAddr,
    options: &StartOptions<'_>,
    mut alive: impl FnMut() -> Result<()>,
) -> Result<Instant> {
    let began = Instant::now();
    while began.elapsed() < options.limit {
        if let Ok(mut stream) = http::send(address, options.path, options.limit)
            && let Reply::Ok(at) = http::reply(&mut stream)?
        {
            return Ok(at);
        }
        alive()?;
        thread::sleep(PAUSE);
    }
    bail!("no 200 within {:?} on port {}", options.limit, address.port())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn server_that_answers_503_gets_another_request() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            for status in ["503 Service Unavailable", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
            }
        });
        let options = StartOptions { env: &[], path: "/", limit: Duration::from_secs(60), cpu: None };
        assert!(until_ok(address, &options, || Ok(())).is_ok());
        server.join().unwrap();
    }
}
