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

/// Accepts until the drain begins, then takes what waits and listens no more.
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

/// Accepts for ever. An error of one connection is passed over; when resources run out it waits.
async fn accept_all<S: Send + Sync + 'static>(
    server: &Arc<Server<S>>,
    listener: &TcpListener,
    drain: &Guard,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                connected(server, stream, peer, drain.clone());
                tokio::task::yield_now().await; // it is served before the next one is asked for
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

/// Takes the connections that wait to be accepted, and listens no more. Whoever comes later is refused by the
/// system: a proxy knows then that nothing was sent, and asks another replica, whatever the request is. Of a
/// socket handed over, the successor has its own descriptor: there they wait for it.
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
