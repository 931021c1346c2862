//! A connection of a service, driven from its other end.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, yield_now};

use crate::command::process::ignore_closed_pipes;
use crate::server::connection;
use crate::server::render::Server;
use crate::server::shutdown::{Drain, Guard};
use crate::service::description::Service;
use crate::service::running::Running;
use crate::settings::config::Config;
use crate::settings::env::{Env, Lookup};

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A service whose connections are sockets of this process. Its clock stands still unless [`Client::pause`] moves it.
pub struct Rig {
    runtime: Runtime,
    serve: Box<dyn Fn(TcpStream, Guard) -> Serving + Send + Sync>,
}

impl Rig {
    /// A service with this environment, and what its requests share.
    pub fn new<S: Send + Sync + 'static>(
        service: &'static Service<S>,
        lookup: &Lookup<'_>,
    ) -> (Rig, Arc<Running<S>>) {
        ignore_closed_pipes(); // libFuzzer's main does not
        let mut env = Env::new(lookup, service.defaults);
        let config = Config::read_with(&mut env, service.sites).expect("a usable environment");
        let state = (service.configure)(&mut env, &config).expect("a usable environment");
        let server = Server::new(service, state, config);
        let running = server.running.clone();
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let serve = move |stream, drain| -> Serving {
            Box::pin(connection::serve(server.clone(), stream, peer, drain))
        };
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        (Rig { runtime: runtime.expect("a runtime"), serve: Box::new(serve) }, running)
    }

    /// Opens a connection and lets a client use it.
    pub fn run<T>(&self, client: impl AsyncFnOnce(&mut Client) -> T) -> T {
        self.runtime.block_on(async {
            let (socket, theirs) = PeerSocket::pair();
            let theirs = std::net::TcpStream::from(OwnedFd::from(theirs));
            let stream = TcpStream::from_std(theirs).expect("a socket");
            let drain = Drain::new();
            let server = tokio::spawn((self.serve)(stream, drain.guard()));
            client(&mut Client { socket, server, drain }).await
        })
    }
}

/// One end of a pair of Unix sockets: what one end writes is at the other at once, so that every run is the same.
pub struct PeerSocket {
    stream: Option<UnixStream>,
    reads: bool,
    received: Vec<u8>,
    ended: bool,
}

impl PeerSocket {
    /// The fuzzer's end, and the other, which does not block.
    pub fn pair() -> (PeerSocket, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("two sockets");
        ours.set_nonblocking(true).and_then(|()| theirs.set_nonblocking(true)).expect("a socket");
        (PeerSocket { stream: Some(ours), reads: true, received: Vec::new(), ended: false }, theirs)
    }

    /// Sends bytes, and returns how many the socket took.
    pub fn send(&mut self, bytes: &[u8]) -> usize {
        let Some(stream) = &mut self.stream else { return 0 };
        let mut sent = 0;
        while let Ok(count @ 1..) = stream.write(&bytes[sent..]) {
            sent += count;
        }
        sent
    }

    /// Reads what has arrived, unless it is told not to. Returns whether there was anything.
    pub fn receive(&mut self) -> bool {
        let Some(stream) = self.stream.as_mut().filter(|_| self.reads) else { return false };
        let (before, mut part) = (self.received.len(), [0; 16 * 1024]);
        loop {
            match stream.read(&mut part) {
                Ok(count @ 1..) => self.received.extend_from_slice(&part[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Ok(_) | Err(_) => {
                    self.ended = true;
                    break;
                }
            }
        }
        self.received.len() > before
    }

    /// Sends nothing more.
    pub fn end_input(&mut self) {
        _ = self.stream.as_ref().map(|stream| stream.shutdown(Shutdown::Write));
    }

    /// Closes the connection.
    pub fn leave(&mut self) {
        self.stream = None;
    }

    /// Reads from now on, or no longer.
    pub fn set_reading(&mut self, reads: bool) {
        self.reads = reads;
    }

    /// What has arrived.
    pub fn received(&self) -> &[u8] {
        &self.received
    }

    /// Whether the other side has closed.
    pub fn has_ended(&self) -> bool {
        self.ended
    }
}

/// A client of the service.
pub struct Client {
    /// Its end of the connection.
    pub socket: PeerSocket,
    server: JoinHandle<()>,
    drain: Drain,
}

impl Client {
    /// Lets the service do all it can do without time, and reads what it sends.
    pub async fn settle(&mut self) {
        loop {
            // Each yield polls every task that is ready, and then asks the sockets.
            for _ in 0..3 {
                yield_now().await;
            }
            if !self.socket.receive() {
                return;
            }
        }
    }

    /// Moves the clock.
    pub async fn pause(&mut self, time: Duration) {
        const MOST: Duration = Duration::from_secs(5);
        let mut left = time;
        while !left.is_zero() {
            let part = left.min(MOST);
            tokio::time::advance(part).await;
            self.settle().await;
            left -= part;
        }
    }

    /// Lets the service begin to drain.
    pub fn drain(&self) {
        self.drain.begin();
    }

    /// Waits until the service is done with the connection, at most for this time.
    pub async fn finish(&mut self, most: Duration) -> bool {
        let mut left = most;
        while !self.server.is_finished() && !left.is_zero() {
            let part = left.min(Duration::from_secs(5));
            self.pause(part).await;
            left -= part;
        }
        self.socket.set_reading(true);
        self.settle().await;
        let is_over = self.server.is_finished();
        if is_over {
            (&mut self.server).await.expect("the connection does not panic");
        }
        is_over
    }
}
