//! The listening socket: bound by us or handed over, and the notice that it is served.

use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{FromRawFd, OwnedFd};

use tokio::net::{TcpListener, TcpSocket};

use crate::config::Config;

/// The first descriptor that systemd's protocol hands over (sd_listen_fds(3)).
pub(crate) const FIRST_FD: i32 = 3;

/// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// What the process that started this one handed over.
pub(crate) struct Handed {
    socket: Option<OwnedFd>,
    ready: Option<File>,
}

impl Handed {
    /// Takes the descriptors of `LISTEN_FDS` and `READY_FD`. To be called before anything else is opened:
    /// a number under which nothing was handed over would else be one of our own.
    pub(crate) fn take(config: &Config) -> Result<Handed, String> {
        let socket = config.listen_fds.then(|| own(FIRST_FD)).transpose().map_err(no_socket)?;
        let ready = config.ready_fd.map(own).transpose().map_err(not_writable)?;
        Ok(Handed { socket, ready: ready.map(File::from) })
    }

    /// The socket handed over, or one bound as configured. The error is a sentence with address and cause.
    pub(crate) fn bind(&mut self, config: &Config) -> Result<TcpListener, String> {
        match self.socket.take() {
            Some(socket) => adopt(socket).map_err(no_socket),
            None => listen(config.listen).map_err(|error| cannot_listen(config.listen, &error)),
        }
    }

    /// Writes one byte to the descriptor of `READY_FD` and closes it.
    pub(crate) fn notify_ready(&mut self) -> Result<(), String> {
        self.ready.take().map_or(Ok(()), |mut ready| ready.write_all(b"\n").map_err(not_writable))
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?; // a restart need not wait for the last run's closed connections
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn adopt(socket: OwnedFd) -> io::Result<TcpListener> {
    let socket = TcpStream::from(socket); // std's name for any TCP socket
    socket.set_nonblocking(true)?;
    // On a socket that listens already this only sets the backlog; on any other one it fails.
    TcpSocket::from_std_stream(socket).listen(BACKLOG)
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> String {
    let (ip, port) = (address.ip(), address.port());
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {port} is already in use on {ip}; stop what uses it or set PORT")
        }
        io::ErrorKind::PermissionDenied => {
            format!("no permission to listen on port {port}; set PORT to 1024 or above")
        }
        io::ErrorKind::AddrNotAvailable => format!("this machine has no address {ip}; set HOST"),
        _ => format!("cannot listen on {address}: {error}"),
    }
}

fn no_socket(error: io::Error) -> String {
    format!("LISTEN_FDS: descriptor {FIRST_FD} is no listening TCP socket: {error}")
}

fn not_writable(error: io::Error) -> String {
    format!("READY_FD: cannot write to it: {error}")
}

#[allow(unsafe_code)]
fn own(fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: a number is passed; the kernel says whether anything is open under it.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and not by us: `Handed::take` comes first. The process that started this one says
    // in LISTEN_FDS or READY_FD that it made `fd` for us; `Config` sees to it that the two differ, and each
    // is taken once. So there is one owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
