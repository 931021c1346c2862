//! Runs a service in this process on a socket, with a client that keeps its connection open.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use space_kit::Service;

/// Starts the service on a thread that lives as long as the process, and connects to it.
pub(crate) fn start<S: Send + Sync + 'static>(
    service: &'static Service<S>,
    env: &'static [(&str, String)],
) -> TcpStream {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    thread::spawn(move || {
        let own = [
            ("HOST", "127.0.0.1".to_owned()),
            ("PORT", address.port().to_string()),
            ("LOG_LEVEL", "error".to_owned()),
        ];
        let all = env.iter().chain(&own).map(|(name, value)| (OsStr::new(name), OsStr::new(value)));
        space_kit::main(service, std::iter::empty(), &all.collect::<Vec<_>>())
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => {
                stream.set_nodelay(true).unwrap();
                return stream;
            }
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

/// Sends a request and reads until the response ends with `end`.
pub(crate) fn ask(stream: &mut TcpStream, request: &[u8], end: &[u8], response: &mut Vec<u8>) {
    stream.write_all(request).unwrap();
    response.clear();
    let mut buffer = [0; 64 * 1024];
    while !response.ends_with(end) {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the service closed: {}", String::from_utf8_lossy(response));
        response.extend_from_slice(&buffer[..read]);
    }
}
