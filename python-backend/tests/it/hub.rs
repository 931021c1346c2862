//! A host of Hugging Face for tests: an upstream behind TLS that is `router.huggingface.co` for one gateway only, because
//! the gateway sees its own `/etc/hosts`.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use rustls::{ServerConnection, StreamOwned};
use space_kit::testing::{PATIENCE, Process};

use crate::tls::valid_server;

pub(crate) const HOST: &str = "router.huggingface.co";

/// A running host. Its files are removed with it.
pub(crate) struct Hub {
    /// The base URL.
    pub(crate) url: String,
    authority: PathBuf,
    hosts: PathBuf,
    seen: Mutex<Receiver<(usize, String)>>,
}

impl Drop for Hub {
    fn drop(&mut self) {
        _ = std::fs::remove_file(&self.authority);
        _ = std::fs::remove_file(&self.hosts);
    }
}

impl Hub {
    /// `answer` gives the status and the body for the head of a request; a body that begins with `data:` is a stream.
    pub(crate) fn start(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Hub {
        let (config, root) = valid_server(HOST);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let file = |name: &str| std::env::temp_dir().join(format!("hub-{name}-{port}"));
        let (authority, hosts) = (file("authority"), file("hosts"));
        std::fs::write(&authority, root).unwrap();
        std::fs::write(&hosts, format!("127.0.0.1 localhost {HOST}\n")).unwrap();
        let (sender, seen) = channel();
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for (connection, socket) in listener.incoming().enumerate() {
                let tls = ServerConnection::new(config.clone()).unwrap();
                let (mut stream, sender) = (StreamOwned::new(tls, socket.unwrap()), sender.clone());
                let answer = answer.clone();
                std::thread::spawn(move || {
                    while let Some(head) = read_request(&mut stream) {
                        _ = sender.send((connection, head.clone()));
                        let (status, body) = answer(&head);
                        let kind = if body.starts_with("data:") || body.starts_with("event:") {
                            "text/event-stream"
                        } else {
                            "application/json"
                        };
                        let length = body.len();
                        let head = format!(
                            "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {length}"
                        );
                        _ = stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes());
                    }
                });
            }
        });
        Hub { url: format!("https://{HOST}:{port}/v1"), authority, hosts, seen: Mutex::new(seen) }
    }

    /// The next request: the number of its connection, and its head, with names in lower case.
    pub(crate) fn next(&self) -> (usize, String) {
        self.seen.lock().unwrap().recv_timeout(PATIENCE).expect("a request")
    }

    /// The requests that have arrived and were not looked at.
    pub(crate) fn rest(&self) -> Vec<String> {
        self.seen.lock().unwrap().try_iter().map(|(_, head)| head).collect()
    }

    /// A gateway that finds this host under its real name.
    pub(crate) fn gateway(&self, env: &[(&str, &str)]) -> Process {
        let env = [&[("SSL_CERT_FILE", self.authority.to_str().unwrap())], env].concat();
        let mut command = Process::command("unshare", &env);
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
        if !is_root {
            command.args(["--user", "--map-root-user"]);
        }
        let script = r#"mount --bind "$0" /etc/hosts && exec "$1""#;
        command.args(["--mount", "sh", "-c", script]).arg(&self.hosts);
        command.arg(env!("CARGO_BIN_EXE_python-backend")).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        Process::spawn(command)
    }
}

/// The head of the next request, whose body is read too.
fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some(head)
}
