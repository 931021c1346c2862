//! Raw HTTP/1.1 for tests: exactly the bytes that the test wrote are sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a test waits for an event.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A connection whose responses are read piece by piece. [`BufReader::get_mut`] returns the side to write to.
pub type Stream = BufReader<TcpStream>;

/// One response as it was received.
#[derive(Debug)]
pub struct TestResponse {
    /// The status code.
    pub status: u16,
    /// Header fields in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// Whether the body was complete.
    pub whole: bool,
}

impl TestResponse {
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

/// Connects and sends; [`read_reply`] reads the responses.
pub fn send(address: SocketAddr, request: impl AsRef<[u8]>) -> Stream {
    let mut stream = TcpStream::connect(address).expect("the service accepts connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a read timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket takes a write timeout");
    _ = stream.write_all(request.as_ref()); // the service may reject and close early: the response shows it
    BufReader::new(stream)
}

/// Sends one request and reads its response.
pub fn exchange(address: SocketAddr, request: impl AsRef<[u8]>) -> TestResponse {
    let head = request.as_ref().starts_with(b"HEAD ");
    read_reply(&mut send(address, request), head)
}

/// Reads one response; `head` says that it is the response to a HEAD request. A response without a length ends with its
/// connection.
pub fn read_reply(stream: &mut impl BufRead, head: bool) -> TestResponse {
    let mut response = read_head(stream);
    if head || response.status < 200 || matches!(response.status, 204 | 304) {
        return response;
    }
    if response.header("transfer-encoding") == "chunked" {
        response.whole = read_chunks(stream, &mut response.body);
    } else if let Ok(length) = response.header("content-length").parse() {
        let read = stream.take(length).read_to_end(&mut response.body);
        response.whole = matches!(read, Ok(read) if read as u64 == length);
    } else {
        response.whole = stream.read_to_end(&mut response.body).is_ok();
    }
    response
}

/// Reads the head of a response; the caller reads the body.
pub fn read_head(stream: &mut impl BufRead) -> TestResponse {
    let start = line(stream);
    let status = start.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.unwrap_or_else(|| panic!("expected a status line, got {start:?}"));
    let mut response = TestResponse { status, headers: Vec::new(), body: Vec::new(), whole: true };
    loop {
        let field = line(stream);
        let Some((name, value)) = field.split_once(':') else { return response };
        response.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Reads one chunk of a chunked body. `None` if the body broke off, empty if it ended.
pub fn read_chunk(stream: &mut impl BufRead) -> Option<Vec<u8>> {
    let size = u64::from_str_radix(&line(stream), 16).ok()?;
    let mut chunk = Vec::new();
    let read = stream.take(size).read_to_end(&mut chunk).ok()?;
    (read as u64 == size && line(stream).is_empty()).then_some(chunk)
}

/// Waits until the service closes the connection, and returns what it sent before. Fails if the connection is reset,
/// because a reset may discard sent bytes.
pub fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap_or_else(|error| panic!("the connection was not closed: {error}"));
    rest
}

/// Reads a chunked body; false if it broke off.
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
    _ = stream.read_line(&mut line); // after an early end the line is what arrived
    line.trim_end().to_owned()
}
