//! The listening socket: bound by us or handed over, and the notice that it is served.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{FromRawFd, OwnedFd};

use tokio::net::{TcpListener, TcpSocket};

use crate::config::Config;

/// The first descriptor that systemd's protocol hands over (sd_listen_fds(3)).
const FIRST_FD: i32 = 3;

/// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// A socket that listens but is not served yet, and its address.
pub(crate) struct Bound {
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
}

/// Binds, or takes the socket handed over. The error is a sentence with address and cause.
pub(crate) fn bind(config: &Config) -> Result<Bound, String> {
    if config.listen_fds {
        return inherit()
            .map_err(|error| format!("LISTEN_FDS: descriptor 3 is no listening TCP socket: {error}"));
    }
    let address = config.listen;
    listen(address).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!(
                "port {} is already in use on {}; stop what uses it or set PORT",
                address.port(),
                address.ip()
            )
        }
        io::ErrorKind::PermissionDenied => {
            format!("no permission to listen on port {}; set PORT to 1024 or above", address.port())
        }
        io::ErrorKind::AddrNotAvailable => format!("this machine has no address {}; set HOST", address.ip()),
        _ => format!("cannot listen on {address}: {error}"),
    })
}

fn listen(address: SocketAddr) -> io::Result<Bound> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?; // a restart need not wait for the last run's closed connections
    socket.bind(address)?;
    let listener = socket.listen(BACKLOG)?;
    Ok(Bound { address: listener.local_addr()?, listener })
}

fn inherit() -> io::Result<Bound> {
    let listener = std::net::TcpListener::from(own(FIRST_FD));
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok(Bound { listener: TcpListener::from_std(listener)?, address })
}

/// Writes one byte to the descriptor of `READY_FD` and closes it.
pub(crate) fn notify_ready(fd: i32) -> io::Result<()> {
    use std::io::Write;
    std::fs::File::from(own(fd)).write_all(b"\n")
}

#[allow(unsafe_code)]
fn own(fd: i32) -> OwnedFd {
    // SAFETY: the process that started this one says in LISTEN_FDS or READY_FD that it made `fd` for us.
    // Each is taken once, at start, and nothing else in this program closes a descriptor it did not open,
    // so there is one owner. A number that is no open descriptor only makes the calls on it fail (EBADF).
    unsafe { OwnedFd::from_raw_fd(fd) }
}
