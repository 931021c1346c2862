//! A listening socket that is handed over, and the ready notification.

use std::io::Read;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use space_kit::testing::{PATIENCE, Process, read_reply, send};

use crate::support::{command, command_under, get};

/// The probe with `socket` as descriptor 3 and `LISTEN_PID`, as systemd starts it.
fn activated(socket: impl Into<OwnedFd>) -> Command {
    let mut command =
        command_under("LISTEN_FDS=1 LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; exec 3<&0;", &[]);
    command.stdin(Stdio::from(socket.into()));
    command
}

#[test]
fn a_socket_handed_over_keeps_its_waiting_connections() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut early = send(address, get("/hello"));
    let process = Process::spawn(activated(socket.try_clone().unwrap()));
    assert_eq!(process.address, address);
    assert_eq!(read_reply(&mut early, false).status, 200);
    drop(early);
    process.stop();

    let mut between = send(address, get("/hello"));
    let successor = Process::spawn(activated(socket));
    assert_eq!(
        read_reply(&mut between, false).status,
        200,
        "no client is rejected between the two processes"
    );
    assert_eq!(successor.address, address);
}

#[test]
fn a_socket_for_another_process_is_not_used() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut command = command_under("exec 3<&0;", &[("LISTEN_FDS", "1"), ("LISTEN_PID", "1")]);
    command.stdin(Stdio::from(OwnedFd::from(socket)));
    assert_ne!(Process::spawn(command).address, address);
}

#[test]
fn a_descriptor_that_does_not_listen_is_reported_and_exits_with_1() {
    let accepted = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (listener.accept().unwrap().0, client)
    };
    let cases: [(&str, OwnedFd); 3] = [
        ("a file", std::fs::File::open("/dev/null").unwrap().into()),
        ("a datagram socket", UdpSocket::bind("127.0.0.1:0").unwrap().into()),
        ("a connection", accepted.0.into()),
    ];
    for (what, descriptor) in cases {
        rejected(activated(descriptor), what);
    }
    rejected(command_under("exec 3<&-;", &[("LISTEN_FDS", "1")]), "nothing");
}

#[track_caller]
fn rejected(command: Command, what: &str) {
    let output = Process::run(command);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{what}: {told}");
    assert!(told.contains("LISTEN_FDS: descriptor 3 is not a listening TCP socket"), "{what}: {told}");
}

#[test]
fn one_byte_is_written_when_connections_are_accepted() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = command_under("exec 3>&1 >/dev/null;", &[("READY_FD", "3")]);
    command.stdout(writer);
    let process = Process::spawn(command);
    let (sender, written) = channel();
    std::thread::spawn(move || {
        let mut written = Vec::new();
        sender.send(reader.read_to_end(&mut written).map(|_| written))
    });
    let written = written.recv_timeout(PATIENCE).expect("the descriptor is closed").unwrap();
    assert_eq!(written, b"\n", "one byte, then the end, while the service runs on");
    assert_eq!(process.get("/hello").status, 200);
}

#[test]
fn a_ready_descriptor_that_cannot_be_written_is_reported() {
    let output = Process::run(command(&[], &[("READY_FD", "999")]));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("READY_FD: cannot write to it"), "{told}");
    assert!(!told.contains("\"listening\""), "{told}");
}

#[test]
fn behind_a_socket_handed_over_every_name_may_call_also_after_a_crash() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let process = Process::spawn(activated(socket));
    let named = || {
        let request = "GET /hello HTTP/1.1\r\nhost: any.example\r\n\r\n";
        read_reply(&mut send(process.address, request), false).status
    };
    assert_eq!(named(), 200);
    process.signal("SEGV");
    process.log("\"listening\"");
    assert_eq!(named(), 200, "HOST does not say where it listens");
}
