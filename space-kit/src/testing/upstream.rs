//! A server for a service that calls another one.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use super::http::PATIENCE;

/// A server on a free port of this machine that gives the same response to every request.
pub struct Upstream {
    /// Its address, such as `http://127.0.0.1:40000`.
    pub url: String,
    requests: Receiver<String>,
}

impl Upstream {
    /// Starts a server that responds with this status and JSON text, and closes the connection.
    pub fn start(status: u16, json: &str) -> Upstream {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("a listener has an address"));
        let response = format!(
            "HTTP/1.1 {status} \r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{json}",
            json.len()
        );
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut stream = BufReader::new(stream);
                if let Some(request) = read(&mut stream) {
                    _ = sender.send(request); // a test need not ask for it
                    _ = stream.get_mut().write_all(response.as_bytes());
                }
            }
        });
        Upstream { url, requests }
    }

    /// Waits for the next request that nobody asked for yet: its head, with names in lower case, and its body.
    pub fn request(&self) -> String {
        self.requests.recv_timeout(PATIENCE).expect("a request arrives")
    }
}

/// One request with `Content-Length` or without a body; `None` if the connection ends before it does.
fn read(stream: &mut impl BufRead) -> Option<String> {
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let start = request.len();
        if stream.read_line(&mut request).ok()? == 0 {
            return None;
        }
        let line = &request[start..];
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(request + &String::from_utf8(body).ok()?)
}
