//! A non-blocking connection with its receive buffer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::response;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const RESPONSE_LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// Received bytes that are not consumed yet.
    pub(crate) received: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT).context("connecting")?;
        Self::of(stream)
    }

    pub(crate) fn of(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, received: Vec::new() })
    }

    /// Writes everything in one call, because a request or event is far smaller than the socket's buffer.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = self.stream.write(bytes).context("sending")?;
        ensure!(sent == bytes.len(), "the peer does not read");
        Ok(())
    }

    /// Reads available bytes; returns false once the peer has closed the connection.
    pub(crate) fn read(&mut self) -> Result<bool> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.received.extend_from_slice(buffer.get(..count).unwrap_or_default());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error).context("reading"),
        }
    }

    /// Consumes one complete response and returns its status; `None` while it is incomplete.
    pub(crate) fn take_response(&mut self) -> Result<Option<u16>> {
        let Some(found) = response::complete(&self.received)? else { return Ok(None) };
        self.received.drain(..found.bytes);
        Ok(Some(found.status))
    }

    /// Sends the request and waits for its response.
    ///
    /// # Errors
    /// If the status is not 200, or the connection fails.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_read_timeout(Some(RESPONSE_LIMIT))?;
        self.send(request)?;
        let status = loop {
            ensure!(self.read()?, "the connection closed without a response");
            if let Some(status) = self.take_response()? {
                break status;
            }
        };
        ensure!(status == 200, "the status is {status} instead of 200");
        self.stream.set_nonblocking(true).context("set_nonblocking")
    }
}
