//! An upstream over a raw socket that follows a test's script.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use space_kit::testing::PATIENCE;

/// A request as the upstream received it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Counted from 0, over all connections.
    pub(crate) number: usize,
    /// The connection it arrived on, counted from 0.
    pub(crate) connection: usize,
    /// The request line and the headers, one per line, with names in lower case.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Seen {
    /// A header's value, or "".
    pub(crate) fn header(&self, name: &str) -> &str {
        let prefix = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(prefix.as_str())).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }
}

/// A running upstream.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    seen: Mutex<Receiver<Seen>>,
    closed: Mutex<Receiver<usize>>,
    count: Arc<AtomicUsize>,
}

/// What an upstream does with a request: it writes to the stream. False closes the connection.
pub(crate) type Script = dyn Fn(&Seen, &mut TcpStream) -> bool + Send + Sync;

impl Fake {
    pub(crate) fn start(script: impl Fn(&Seen, &mut TcpStream) -> bool + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let ((seen_in, seen), (closed_in, closed)) = (channel(), channel());
        let (count, script): (_, Arc<Script>) = (Arc::new(AtomicUsize::new(0)), Arc::new(script));
        let counter = count.clone();
        std::thread::spawn(move || {
            for (connection, stream) in listener.incoming().enumerate() {
                let (seen, closed) = (seen_in.clone(), closed_in.clone());
                let (script, counter) = (script.clone(), counter.clone());
                std::thread::spawn(move || {
                    serve(stream.unwrap(), connection, &*script, &counter, &seen);
                    _ = closed.send(connection);
                });
            }
        });
        Fake { address, seen: Mutex::new(seen), closed: Mutex::new(closed), count }
    }

    /// An upstream that answers every request with this JSON.
    pub(crate) fn json(body: Value) -> Fake {
        Fake::start(move |_, stream| json_answer(stream, 200, "", &body.to_string()))
    }

    /// An upstream that answers every request with this error.
    pub(crate) fn json_status(status: u16) -> Fake {
        Fake::start(move |_, stream| json_answer(stream, status, "", "{}"))
    }

    /// An upstream that streams these events.
    pub(crate) fn events(events: &'static [&'static str]) -> Fake {
        Fake::start(move |_, stream| {
            begin_events(stream);
            events.iter().for_each(|event| chunk(stream, event));
            end(stream)
        })
    }

    /// The base URL for `UPSTREAM_URL`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The next request, in the order of arrival.
    pub(crate) fn next(&self) -> Seen {
        self.seen.lock().unwrap().recv_timeout(PATIENCE).expect("a request")
    }

    /// Waits until a connection closes, and returns its number.
    pub(crate) fn closed(&self) -> usize {
        self.closed.lock().unwrap().recv_timeout(PATIENCE).expect("a connection that closes")
    }

    /// The requests so far.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, connection: usize, script: &Script, counter: &AtomicUsize, seen: &Sender<Seen>) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some((head, body)) = read_request(&mut reader) {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        let request = Seen { number, connection, head, body };
        _ = seen.send(request.clone());
        if !script(&request, &mut writer) {
            return;
        }
    }
}

fn read_request(reader: &mut impl BufRead) -> Option<(String, String)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let line = match line.split_once(": ") {
            Some((name, value)) if !head.is_empty() => format!("{}: {value}", name.to_ascii_lowercase()),
            _ => line.to_owned(),
        };
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        head += &line;
        head.push('\n');
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).unwrap()))
}

/// Writes, and ignores an error: the gateway may have closed the connection.
pub(crate) fn write(stream: &mut TcpStream, text: impl AsRef<[u8]>) {
    _ = stream.write_all(text.as_ref());
}

/// Writes a JSON response; `headers` are whole lines.
pub(crate) fn json_answer(stream: &mut TcpStream, status: u16, headers: &str, body: &str) -> bool {
    let length = body.len();
    write(
        stream,
        format!(
            "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
        ),
    );
    true
}

/// Writes the head of a stream of events in chunks.
pub(crate) fn begin_events(stream: &mut TcpStream) {
    write(stream, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
}

/// Writes one chunk.
pub(crate) fn chunk(stream: &mut TcpStream, text: impl AsRef<[u8]>) {
    let text = text.as_ref();
    write(stream, format!("{:x}\r\n", text.len()));
    write(stream, text);
    write(stream, "\r\n");
}

/// Writes the last chunk.
pub(crate) fn end(stream: &mut TcpStream) -> bool {
    write(stream, "0\r\n\r\n");
    true
}

/// Waits until the gateway closes the connection.
pub(crate) fn until_closed(stream: &mut TcpStream) -> bool {
    while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
    false
}

/// The same, and sends this text again and again meanwhile.
pub(crate) fn until_closed_sending(stream: &mut TcpStream, text: &str) -> bool {
    stream.set_read_timeout(Some(std::time::Duration::from_millis(20))).unwrap();
    let waits = |error: std::io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    while stream.read(&mut [0; 64]).is_err_and(waits) {
        chunk(stream, text);
    }
    false
}

/// A chat completion.
pub(crate) fn completion(text: &str) -> Value {
    json!({
        "id": "up-1", "object": "chat.completion", "created": 1, "model": "org/model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    })
}

/// The events of a short, valid stream.
pub(crate) const GOOD: &[&str] = &[HELLO, STOP, USAGE, "data: [DONE]\n\n"];
pub(crate) const HELLO: &str = "data: {\"id\":\"u\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":null}]}\n\n";
pub(crate) const STOP: &str =
    "data: {\"id\":\"u\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
pub(crate) const USAGE: &str = "data: {\"id\":\"u\",\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1,\"total_tokens\":4}}\n\n";
