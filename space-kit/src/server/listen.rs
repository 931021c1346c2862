//! The listening socket, bound or handed over, and the ready notification.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{FromRawFd, OwnedFd};

use tokio::net::{TcpListener, TcpSocket};

use crate::settings::config::{Config, FIRST_FD};

/// Connections that may wait to be accepted; the kernel limits it to `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// The descriptors that the parent process handed over.
pub(crate) struct Handed {
    socket: Option<OwnedFd>,
    ready: Option<File>,
}

impl Handed {
    /// Takes the descriptors of `LISTEN_FDS` and `READY_FD`. Must be called before anything else is opened: otherwise a
    /// number that was not handed over could be one of our own descriptors.
    ///
    /// # Errors
    ///
    /// If a descriptor is not open.
    pub(crate) fn take(config: &Config) -> Result<Handed, ListenError> {
        let socket = config.listen_fds.then(|| own(FIRST_FD)).transpose().map_err(ListenError::NotHanded)?;
        let ready = config.ready_fd.map(own).transpose().map_err(ListenError::NotWritable)?;
        Ok(Handed { socket, ready: ready.map(File::from) })
    }

    /// The socket that was handed over, or one bound to the configured address.
    ///
    /// # Errors
    ///
    /// If the socket does not listen, or the address cannot be bound.
    pub(crate) fn bind(&mut self, config: &Config) -> Result<TcpListener, ListenError> {
        match self.socket.take() {
            Some(socket) => adopt(socket).map_err(ListenError::NotHanded),
            None => listen(config.listen).map_err(|error| ListenError::Bind(config.listen, error)),
        }
    }

    /// Writes one byte to the descriptor of `READY_FD` and closes it.
    ///
    /// # Errors
    ///
    /// If it cannot be written to.
    pub(crate) fn notify_ready(&mut self) -> Result<(), ListenError> {
        self.ready.take().map_or(Ok(()), |mut ready| ready.write_all(b"\n").map_err(ListenError::NotWritable))
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?; // a restart does not wait for closed connections of the previous run
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn adopt(socket: OwnedFd) -> io::Result<TcpListener> {
    let socket = TcpStream::from(socket); // std's type for any TCP socket
    socket.set_nonblocking(true)?;
    // On a listening socket this only sets the backlog; on any other it fails.
    TcpSocket::from_std_stream(socket).listen(BACKLOG)
}

/// Why the service does not listen. The text says what to change.
#[derive(Debug)]
pub(crate) enum ListenError {
    /// The address cannot be bound.
    Bind(SocketAddr, io::Error),
    /// The descriptor of `LISTEN_FDS` is not a listening socket.
    NotHanded(io::Error),
    /// The descriptor of `READY_FD` cannot be written to.
    NotWritable(io::Error),
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::Bind(address, error) => {
                let (ip, port) = (address.ip(), address.port());
                match error.kind() {
                    io::ErrorKind::AddrInUse => {
                        write!(f, "port {port} is already in use on {ip}; stop what uses it or set PORT")
                    }
                    io::ErrorKind::PermissionDenied => {
                        write!(f, "no permission to listen on port {port}; set PORT to 1024 or above")
                    }
                    io::ErrorKind::AddrNotAvailable => {
                        write!(f, "this machine has no address {ip}; set HOST")
                    }
                    _ => write!(f, "cannot listen on {address}: {error}"),
                }
            }
            ListenError::NotHanded(error) => {
                write!(f, "LISTEN_FDS: descriptor {FIRST_FD} is not a listening TCP socket: {error}")
            }
            ListenError::NotWritable(error) => write!(f, "READY_FD: cannot write to it: {error}"),
        }
    }
}

#[allow(unsafe_code)]
fn own(fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: only a number is passed; the kernel reports whether it is an open descriptor.
    if unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and we did not open it, because `Handed::take` is called first. The parent process states in
    // LISTEN_FDS or READY_FD that it opened `fd` for us; `Config` ensures that the two differ, and each is taken once.
    // So there is one owner.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
