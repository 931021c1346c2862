//! The last resort: a server that takes no socket and announces nothing is asked again and again.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::{Serving, Setting, free_port};
use crate::http::{self, Reply};
use crate::process::{Child, Launch, Program, spawn};

const PAUSE: Duration = Duration::from_millis(1);

pub(super) fn start(program: &Program, setting: &Setting<'_>) -> Result<Serving> {
    let address = free_port()?;
    let env = setting.env_with(&[("PORT", address.port().to_string())]);
    let mut spawned = spawn(Launch { program, env: &env, fds: vec![], listen_pid: false, cpu: setting.cpu })?;
    let answered = until_ok(address, setting, || still_runs(&mut spawned.child))?;
    Ok(Serving::new(spawned, None, answered))
}

/// There is no use in asking a server that has ended.
pub(super) fn still_runs(child: &mut Child) -> Result<()> {
    match child.ended()? {
        Some(ended) => bail!("the server ended before its first answer: {ended:?}"),
        None => Ok(()),
    }
}

/// Asks every millisecond until a 200 comes; `alive` says when there is no use in going on.
pub(crate) fn until_ok(
    address: SocketAddr,
    setting: &Setting<'_>,
    mut alive: impl FnMut() -> Result<()>,
) -> Result<Instant> {
    let began = Instant::now();
    while began.elapsed() < setting.limit {
        if let Ok(mut stream) = http::send(address, setting.path, setting.limit)
            && let Reply::Ok(at) = http::reply(&mut stream)?
        {
            return Ok(at);
        }
        alive()?;
        thread::sleep(PAUSE);
    }
    bail!("no 200 within {:?} on port {}", setting.limit, address.port())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_server_that_is_not_ready_yet_is_asked_again() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            for status in ["503 Service Unavailable", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
            }
        });
        let setting = Setting { env: &[], path: "/", limit: Duration::from_secs(60), cpu: None };
        assert!(until_ok(address, &setting, || Ok(())).is_ok());
        server.join().unwrap();
    }
}
