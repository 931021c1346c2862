//! The accept loop: it hands each connection to a task of its own, and ends with the drain.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::observe::log::Value;
use crate::server::connection;
use crate::server::render::Server;
use crate::server::shutdown::Guard;
use crate::server::task;

/// Accepts until the drain begins, then accepts the waiting connections and stops listening.
pub(crate) async fn accept<S: Send + Sync + 'static>(
    server: Arc<Server<S>>,
    listener: TcpListener,
    mut drain: Guard,
) {
    let guard = drain.clone();
    tokio::select! {
        biased;
        () = drain.begun() => {}
        () = accept_all(&server, &listener, &guard) => {}
    }
    close(&server, listener, &guard);
}

/// Accepts forever. Errors of a single connection are ignored. On other errors, such as EMFILE, it logs and backs off
/// for 250 ms.
async fn accept_all<S: Send + Sync + 'static>(
    server: &Arc<Server<S>>,
    listener: &TcpListener,
    drain: &Guard,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                connected(server, stream, peer, drain.clone());
                tokio::task::yield_now().await; // serve it before accepting the next one
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                server.kit().log.error("cannot accept", &[("cause", Value::Show(&error))]);
                sleep(Duration::from_millis(250)).await;
            }
        }
    }
}

fn connected<S: Send + Sync + 'static>(
    server: &Arc<Server<S>>,
    stream: TcpStream,
    peer: SocketAddr,
    drain: Guard,
) {
    _ = stream.set_nodelay(true);
    task::spawn(connection::serve(server.clone(), stream, peer.ip().to_canonical(), drain));
}

/// Accepts the connections that wait in the backlog, and stops listening. The system rejects later connections, so a
/// proxy knows that nothing was sent and tries another replica, even for a POST. If the socket was handed over, the
/// successor has its own descriptor of it, and later connections wait there.
fn close<S: Send + Sync + 'static>(server: &Arc<Server<S>>, listener: TcpListener, drain: &Guard) {
    let Ok(listener) = listener.into_std() else { return };
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
                _ = stream.map(|stream| connected(server, stream, peer, drain.clone()));
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(_) => return,
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
