//! One socket of many.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::answer;

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// What came and was not taken yet.
    pub(crate) inbox: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT).context("connecting")?;
        Self::of(stream)
    }

    pub(crate) fn of(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, inbox: Vec::new() })
    }

    /// All at once: what is sent here is far smaller than a socket's buffer.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = self.stream.write(bytes).context("sending")?;
        ensure!(sent == bytes.len(), "the other side does not read");
        Ok(())
    }

    /// Adds what is there to the inbox; false at the end of the connection.
    pub(crate) fn read(&mut self) -> Result<bool> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.inbox.extend_from_slice(buffer.get(..count).unwrap_or_default());
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(true),
            Err(error) => Err(error).context("reading"),
        }
    }

    /// Takes one whole answer out of the inbox, if it is there, and gives back its status.
    pub(crate) fn take_answer(&mut self) -> Result<Option<u16>> {
        let Some(found) = answer::whole(&self.inbox)? else { return Ok(None) };
        self.inbox.drain(..found.bytes);
        Ok(Some(found.status))
    }

    /// Sends and waits for the answer. It must be a 200, after which the connection is kept.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        self.send(request)?;
        let status = loop {
            ensure!(self.read()?, "the connection closed without an answer");
            if let Some(status) = self.take_answer()? {
                break status;
            }
        };
        ensure!(status == 200, "the answer was {status}, not 200");
        self.stream.set_nonblocking(true).context("a socket")
    }
}
