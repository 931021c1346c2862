//! A fake model server for load tests. It takes little CPU time, and its events carry the time at which
//! they were due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Instant;

use anyhow::{Context, Result};
use benches::stats::nanoseconds;
use rustix::net::{AddressFamily, SocketType};

use crate::args::Args;
use crate::connection::Connection;
use crate::poll::Poll;

use crate::output::say;
use crate::response::{find, header, split_head};
use crate::streams;

const LISTENER: usize = usize::MAX;
/// All streams of a test start together: 1,000 connections at once.
const BACKLOG: i32 = 4096;
const COMPLETION: &str = r#"{"id":"1","object":"chat.completion","created":1,"model":"org/model","choices":[{"index":0,"message":{"role":"assistant","content":"hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello hello "},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":20,"total_tokens":23}}"#;

struct Upstream<'a> {
    args: &'a Args,
    poll: Poll,
    connections: HashMap<usize, Connection>,
    next_key: usize,
    /// The next event of each stream, earliest first: when it is due, the connection's key, and how many
    /// events are left.
    due: BinaryHeap<Reverse<(Instant, usize, u32)>>,
    streams_begun: u32,
    /// The same time on both clocks.
    epoch: (Instant, u64),
}

/// Serves until it is killed.
pub(crate) fn serve(args: &Args) -> Result<()> {
    let listener = listen(args.address)?;
    let poll = Poll::new()?;
    poll.add(&listener, LISTENER)?;
    say(&listener.local_addr()?.to_string())?;
    let epoch = (Instant::now(), streams::now());
    let (connections, due) = (HashMap::new(), BinaryHeap::new());
    let mut upstream = Upstream { args, poll, connections, next_key: 0, due, streams_begun: 0, epoch };
    loop {
        let until = upstream.send_due();
        for key in upstream.poll.wait(until)? {
            if key == LISTENER {
                upstream.accept(&listener)?;
            } else if upstream.read(key).is_err() {
                upstream.connections.remove(&key);
            }
        }
    }
}

/// Like `TcpListener::bind`, with a longer queue.
fn listen(address: SocketAddr) -> Result<TcpListener> {
    use rustix::net;
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = net::socket(family, SocketType::STREAM, None).context("socket")?;
    net::sockopt::set_socket_reuseaddr(&socket, true).context("socket")?;
    net::bind(&socket, &address).with_context(|| address.to_string())?;
    net::listen(&socket, BACKLOG).context("listen")?;
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Upstream<'_> {
    fn accept(&mut self, listener: &TcpListener) -> Result<()> {
        loop {
            match listener.accept() {
                Ok((stream, _)) => {
                    let connection = Connection::of(stream)?;
                    self.poll.add(&connection.stream, self.next_key)?;
                    self.connections.insert(self.next_key, connection);
                    self.next_key += 1;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error).context("accept"),
            }
        }
    }

    /// Answers the requests received on a connection. The caller closes it on an error.
    fn read(&mut self, key: usize) -> Result<()> {
        let connection = self.connections.get_mut(&key).context("unknown key")?;
        anyhow::ensure!(connection.read()?, "closed by the peer");
        while let Some((length, wants_stream)) = request(&connection.received)? {
            connection.received.drain(..length);
            if !wants_stream {
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length";
                connection.send(format!("{head}: {}\r\n\r\n{COMPLETION}", COMPLETION.len()).as_bytes())?;
                continue;
            }
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked";
            connection.send(format!("{head}\r\n\r\n").as_bytes())?;
            // Spread the streams evenly over a step, because events due at the same time delay each other.
            let part = self.streams_begun % 1000;
            self.streams_begun = self.streams_begun.wrapping_add(1);
            let first = Instant::now() + self.args.step() * part / 1000;
            self.due.push(Reverse((first, key, self.args.events_in_stream())));
        }
        Ok(())
    }

    /// Sends all events that are due. Returns when the next one is due.
    fn send_due(&mut self) -> Option<Instant> {
        loop {
            let Reverse((due, key, left)) = *self.due.peek()?;
            if due > Instant::now() {
                return Some(due);
            }
            self.due.pop();
            let Some(connection) = self.connections.get_mut(&key) else { continue };
            let time = self.epoch.1 + nanoseconds(due.duration_since(self.epoch.0));
            if connection.send(&event(time, left)).is_err() {
                self.connections.remove(&key);
            } else if left > 1 {
                self.due.push(Reverse((due + self.args.step(), key, left - 1)));
            }
        }
    }
}

/// A chunk with one event. The last one also has the end of the stream.
fn event(time: u64, left: u32) -> Vec<u8> {
    let start = r#"{"id":"1","object":"chat.completion.chunk","created":1,"model":"org/model","choices":[{"index":0,"#;
    let mut event =
        format!("data: {start}\"delta\":{{\"content\":\"{time}\"}},\"finish_reason\":null}}]}}\n\n");
    if left == 1 {
        event.push_str(&format!(
            "data: {start}\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
        ));
    }
    let end = if left == 1 { "0\r\n\r\n" } else { "" };
    format!("{:x}\r\n{event}\r\n{end}", event.len()).into_bytes()
}

/// The length of the first request, and whether it asks for a stream; `None` while it is incomplete.
fn request(bytes: &[u8]) -> Result<Option<(usize, bool)>> {
    let Some((head, body)) = split_head(bytes) else { return Ok(None) };
    let length = match header(head, "content-length") {
        Some(length) => length.parse::<usize>().context("content-length")?,
        None => 0,
    };
    anyhow::ensure!(header(head, "transfer-encoding").is_none(), "a request body without a content length");
    let Some(body) = body.get(..length) else { return Ok(None) };
    let wants_stream =
        [&br#""stream":true"#[..], br#""stream": true"#].iter().any(|words| find(body, words).is_some());
    Ok(Some((head.len() + 4 + length, wants_stream)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_is_complete_once_its_body_is_there() {
        let bytes = b"POST / HTTP/1.1\r\ncontent-length: 15\r\n\r\n{\"stream\":true}GET";
        assert_eq!(request(&bytes[..bytes.len() - 4]).unwrap(), None);
        assert_eq!(request(bytes).unwrap(), Some((bytes.len() - 3, true)));
        assert_eq!(request(b"GET / HTTP/1.1\r\n\r\n").unwrap(), Some((18, false)));
    }
}
