//! A service on an in-memory connection: parsing, routing, handler and response without a socket.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::{Builder, Runtime};

use crate::connection::state::ConnectionState;
use crate::server::connection::MAX_HEAD_BYTES;
use crate::server::handle::Handler;
use crate::server::render::Server;
use crate::service::description::Service;
use crate::settings::config::Config;
use crate::settings::env::{Env, Lookup};

/// One kept-alive connection to a service. It has no time limits, because the server applies them to sockets.
pub struct InMemory {
    runtime: Runtime,
    client: DuplexStream,
}

impl InMemory {
    /// A service with this environment.
    pub fn new<S: Send + Sync + 'static>(service: &'static Service<S>, lookup: &Lookup<'_>) -> InMemory {
        let mut env = Env::new(lookup, service.defaults);
        let config = Config::read_with(&mut env, service.sites).expect("a usable environment");
        let state = (service.configure)(&mut env, &config).expect("a usable environment");
        let server = Server::new(service, state, config);
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let handler = Handler { server, state: Arc::new(ConnectionState::new(-1)), peer };
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (client, server) = duplex(64 * 1024);
        runtime.spawn(
            http1::Builder::new()
                .header_read_timeout(None)
                .max_buf_size(MAX_HEAD_BYTES)
                .serve_connection(TokioIo::new(server), handler),
        );
        InMemory { runtime, client }
    }

    /// Sends a request and returns the response, head and body. The response must have a `content-length`.
    pub fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.runtime.block_on(async {
            self.client.write_all(request).await.expect("the service reads");
            let mut response = Vec::with_capacity(1024);
            while !is_whole(&response) {
                let read = self.client.read_buf(&mut response).await.expect("the service responds");
                assert!(read > 0, "the service closed: {}", String::from_utf8_lossy(&response));
            }
            response
        })
    }
}

fn is_whole(response: &[u8]) -> bool {
    let Some(end) = response.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = std::str::from_utf8(&response[..end]).expect("a head is text");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    response.len() == end + 4 + length.parse::<usize>().expect("a length")
}
