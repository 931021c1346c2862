//! Raw HTTP/1.1 for tests: what is sent is what the test wrote.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

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
pub fn send(address: SocketAddr, request: impl AsRef<[u8]>) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(address).expect("the service accepts connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a read timeout");
    _ = stream.write_all(request.as_ref()); // a refusal may cut the sending short: the answer tells
    BufReader::new(stream)
}

/// Sends one request and reads its answer.
pub fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> Reply {
    let head = request.as_ref().starts_with(b"HEAD ");
    read_reply(&mut send(address, request), head)
}

/// Reads one answer; `head` says that it is one to a HEAD request.
pub fn read_reply(stream: &mut impl BufRead, head: bool) -> Reply {
    let start = line(stream);
    let status = start.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.unwrap_or_else(|| panic!("no status line but {start:?}"));
    let mut reply = Reply { status, headers: Vec::new(), body: Vec::new(), whole: true };
    loop {
        let field = line(stream);
        let Some((name, value)) = field.split_once(':') else { break };
        reply.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if head || status == 204 {
        return reply;
    }
    if reply.header("transfer-encoding") == "chunked" {
        reply.whole = read_chunks(stream, &mut reply.body);
    } else {
        let length = reply.header("content-length").parse().expect("an answer is chunked or has a length");
        let read = stream.take(length).read_to_end(&mut reply.body);
        reply.whole = matches!(read, Ok(read) if read as u64 == length);
    }
    reply
}

/// Reads a chunked body; false where it broke off.
fn read_chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> bool {
    loop {
        let Ok(size) = u64::from_str_radix(&line(stream), 16) else { return false };
        let read = stream.take(size).read_to_end(body);
        if !matches!(read, Ok(read) if read as u64 == size) || !line(stream).is_empty() {
            return false;
        }
        if size == 0 {
            return true;
        }
    }
}

fn line(stream: &mut impl BufRead) -> String {
    let mut line = String::new();
    _ = stream.read_line(&mut line); // an early end leaves what there is
    line.trim_end().to_owned()
}
