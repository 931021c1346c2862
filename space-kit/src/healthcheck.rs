//! The `healthcheck` command: an image without a shell has nothing else that could ask.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::service::{FAILED, FINE};

/// The whole check takes at most about twice this.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks `/health/ready` at `address`; exit status 0 for 200, 1 for anything else, with the reason.
pub(crate) fn run(address: SocketAddr) -> u8 {
    match ask(address) {
        Ok(status) if status == "200" => FINE,
        Ok(status) => {
            eprintln!("not ready: {address} answered {status:?} to GET /health/ready");
            FAILED
        }
        Err(error) => {
            eprintln!("not ready: {address}: {error}");
            FAILED
        }
    }
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut start = [0; 12];
    stream.read_exact(&mut start)?;
    Ok(String::from_utf8_lossy(start.get(9..).unwrap_or_default()).into_owned())
}
