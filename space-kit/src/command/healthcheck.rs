//! The `healthcheck` command: an image without a shell has no other program that could ask.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The whole check takes at most about twice this.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Whether `GET /health/ready` at `address` returns 200. If not, the reason is written to standard error.
pub(crate) fn is_ready(address: SocketAddr) -> bool {
    match ask(address) {
        Ok(status) if status == "200" => return true,
        Ok(status) => eprintln!("not ready: {address} returned {status:?} to GET /health/ready"),
        Err(error) => eprintln!("not ready: {address}: {error}"),
    }
    false
}

/// The status as text.
fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(stream, "GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    Ok(String::from_utf8_lossy(start.get(9..).unwrap_or_default()).into_owned())
}
