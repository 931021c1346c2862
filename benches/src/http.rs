//! One request, and the moment at which its answer begins.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// What came back from a server that may still be starting.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    /// A 200, whose first byte arrived then.
    Ok(Instant),
    /// Closed or 5xx: worth another try.
    NotYet,
}

pub(crate) fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: coldstart\r\n\r\n").into_bytes()
}

/// Connects, with `limit` on every read, and sends the request.
pub(crate) fn send(address: SocketAddr, path: &str, limit: Duration) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(&request(path))?;
    Ok(stream)
}

/// Blocks until the answer begins; gives that moment back once its status is seen to be 200.
pub(crate) fn first_byte(stream: &mut impl Read) -> Result<Instant> {
    match read_status(stream).context("reading the answer")? {
        (at, Some(200)) => Ok(at),
        (_, Some(status)) => bail!("the answer was {status}, not 200 (another path: --path)"),
        (_, None) => bail!("the connection closed without an HTTP answer"),
    }
}

/// Reads one answer of a server that may not be ready, or may be a proxy in front of nothing yet.
pub(crate) fn reply(stream: &mut impl Read) -> Result<Reply> {
    let Ok((at, status)) = read_status(stream) else { return Ok(Reply::NotYet) };
    let status = status.unwrap_or(503);
    ensure!(status == 200 || status >= 500, "the answer was {status}, not 200 (another path: --path)");
    Ok(if status == 200 { Reply::Ok(at) } else { Reply::NotYet })
}

/// The moment of the first read that gave anything, and the status when there is one.
fn read_status(stream: &mut impl Read) -> io::Result<(Instant, Option<u16>)> {
    let mut buffer = [0; 1024];
    let mut head = Vec::new();
    let mut began = None;
    while head.len() < "HTTP/1.1 200".len() {
        let count = stream.read(&mut buffer)?;
        let now = Instant::now();
        let began = *began.get_or_insert(now);
        let Some(got @ [_, ..]) = buffer.get(..count) else { return Ok((began, None)) };
        head.extend_from_slice(got);
    }
    Ok((began.unwrap_or_else(Instant::now), status(&head)))
}

fn status(head: &[u8]) -> Option<u16> {
    let code = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?;
    std::str::from_utf8(code.get(..3)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes one a read, as a slow server would.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn a_status_counts_however_the_bytes_arrive() {
        assert!(first_byte(&mut Drip(b"HTTP/1.1 200 OK\r\n\r\n")).is_ok());
        assert!(first_byte(&mut &b"HTTP/1.0 200 OK\r\n\r\n"[..]).is_ok());
    }

    #[test]
    fn only_a_200_is_a_start() {
        for (bytes, said) in [
            (&b"HTTP/1.1 404 Not Found\r\n\r\n"[..], "404"),
            (b"HTTP/1.1 2", "closed"),
            (b"", "closed"),
            (b"SSH-2.0-OpenSSH\r\n", "without an HTTP answer"),
        ] {
            let error = first_byte(&mut &bytes[..]).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn a_server_that_is_not_ready_is_worth_another_try_and_a_wrong_path_is_not() {
        assert_eq!(reply(&mut &b""[..]).unwrap(), Reply::NotYet);
        assert_eq!(reply(&mut &b"HTTP/1.1 503 Service Unavailable\r\n\r\n"[..]).unwrap(), Reply::NotYet);
        let error = reply(&mut &b"HTTP/1.1 404 Not Found\r\n\r\n"[..]).unwrap_err().to_string();
        assert!(error.contains("404") && error.contains("--path"), "{error}");
    }
}
