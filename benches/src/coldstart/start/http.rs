//! Sends one request and notes when its response begins.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

/// The response of a server that may still be starting.
#[derive(Debug, PartialEq)]
pub(crate) enum Reply {
    /// A 200, with the time of its first byte.
    Ok(Instant),
    /// The connection was closed, or the status is 5xx: worth another attempt.
    NotYet,
}

pub(crate) fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: coldstart\r\n\r\n").into_bytes()
}

/// Connects and sends the request. `limit` applies to the connect and to every read.
pub(crate) fn send(address: SocketAddr, path: &str, limit: Duration) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(&request(path))?;
    Ok(stream)
}

/// Blocks until the response begins, and returns that time.
///
/// # Errors
/// If the status is not 200, or the connection closes before it.
pub(crate) fn first_byte(stream: &mut impl Read) -> Result<Instant> {
    match read_status(stream).context("reading the response")? {
        (at, Some(200)) => Ok(at),
        (_, Some(status)) => bail!("the status is {status} instead of 200 (choose another path with --path)"),
        (_, None) => bail!("the connection closed without an HTTP response"),
    }
}

/// Reads one response of a server that may not be ready, or of a proxy that has no server behind it yet.
pub(crate) fn reply(stream: &mut impl Read) -> Result<Reply> {
    let Ok((at, status)) = read_status(stream) else { return Ok(Reply::NotYet) };
    let status = status.unwrap_or(503);
    ensure!(
        status == 200 || status >= 500,
        "the status is {status} instead of 200 (choose another path with --path)"
    );
    Ok(if status == 200 { Reply::Ok(at) } else { Reply::NotYet })
}

/// The time of the first read that returned bytes, and the status if the head holds one.
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

    /// Returns one byte per read, like a slow server.
    struct ByteByByte<'a>(&'a [u8]);

    impl Read for ByteByByte<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn status_is_read_from_any_split_of_the_bytes() {
        assert!(first_byte(&mut ByteByByte(b"HTTP/1.1 200 OK\r\n\r\n")).is_ok());
        assert!(first_byte(&mut &b"HTTP/1.0 200 OK\r\n\r\n"[..]).is_ok());
    }

    #[test]
    fn start_ends_only_with_a_200() {
        for (bytes, expected) in [
            (&b"HTTP/1.1 404 Not Found\r\n\r\n"[..], "404"),
            (b"HTTP/1.1 2", "closed"),
            (b"", "closed"),
            (b"SSH-2.0-OpenSSH\r\n", "without an HTTP response"),
        ] {
            let error = first_byte(&mut &bytes[..]).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn unready_server_is_polled_again_but_a_404_is_an_error() {
        assert_eq!(reply(&mut &b""[..]).unwrap(), Reply::NotYet);
        assert_eq!(reply(&mut &b"HTTP/1.1 503 Service Unavailable\r\n\r\n"[..]).unwrap(), Reply::NotYet);
        let error = reply(&mut &b"HTTP/1.1 404 Not Found\r\n\r\n"[..]).unwrap_err().to_string();
        assert!(error.contains("404") && error.contains("--path"), "{error}");
    }
}
