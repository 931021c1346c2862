//! Raw HTTP/1.1 for tests: what is sent is what the test wrote.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

/// A connection whose answers are read piece by piece. [`BufReader::get_mut`] gives the side to write to.
pub type Stream = BufReader<TcpStream>;

/// One answer as it came over the wire.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Whether the body came to its proper end.
    pub whole: bool,
}

impl Reply {
    /// A header's first value, or "".
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// Connects and sends; the answers are read by [`read_reply`].
pub fn send(address: SocketAddr, request: impl AsRef<[u8]>) -> Stream {
    let mut stream = TcpStream::connect(address).expect("the service accepts connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a read timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket takes a write timeout");
    _ = stream.write_all(request.as_ref()); // a refusal may cut the sending short: the answer tells
    BufReader::new(stream)
}

/// Sends one request and reads its answer.
pub fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> Reply {
    let head = request.as_ref().starts_with(b"HEAD ");
    read_reply(&mut send(address, request), head)
}

/// Reads one answer; `head` says that it is one to a HEAD request. An answer without a length ends with
/// its connection.
pub fn read_reply(stream: &mut impl BufRead, head: bool) -> Reply {
    let mut reply = read_head(stream);
    if head || reply.status < 200 || reply.status == 204 {
        return reply;
    }
    if reply.header("transfer-encoding") == "chunked" {
        reply.whole = read_chunks(stream, &mut reply.body);
    } else if let Ok(length) = reply.header("content-length").parse() {
        let read = stream.take(length).read_to_end(&mut reply.body);
        reply.whole = matches!(read, Ok(read) if read as u64 == length);
    } else {
        reply.whole = stream.read_to_end(&mut reply.body).is_ok();
    }
    reply
}

/// Reads the head of an answer, whose body the caller reads.
pub fn read_head(stream: &mut impl BufRead) -> Reply {
    let start = line(stream);
    let status = start.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status line but {start:?}"));
    let mut reply = Reply { status, headers: Vec::new(), body: Vec::new(), whole: true };
    loop {
        let field = line(stream);
        let Some((name, value)) = field.split_once(':') else { return reply };
        reply.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Reads one chunk of a chunked body. `None`: it broke off; an empty one: it ended.
pub fn read_chunk(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let size = u64::from_str_radix(&line(stream), 16).ok()?;
    let mut chunk = Vec::new();
    let read = stream.take(size).read_to_end(&mut chunk).ok()?;
    (read as u64 == size && line(stream).is_empty()).then_some(chunk)
}

/// Waits until the service closes the connection, and gives what it sent before. Fails where the connection
/// is reset, because a reset may take with it what was sent.
pub fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap_or_else(|error| panic!("it was not closed: {error}"));
    rest
}

/// Reads a chunked body; false where it broke off.
fn read_chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> bool {
    while let Some(chunk) = read_chunk(stream) {
        if chunk.is_empty() {
            return true;
        }
        body.extend_from_slice(&chunk);
    }
    false
}

fn line(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    _ = stream.read_line(&mut line); // an early end leaves what there is
    line.trim_end().to_owned()
}
