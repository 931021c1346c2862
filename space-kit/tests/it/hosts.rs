//! The names under which a service may be called.

use space_kit::testing::{Process, exchange};

use crate::support::{assert_error, start};

fn named(process: &Process, path: &str, host: &str) -> u16 {
    exchange(process.address, format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n")).status
}

#[test]
fn on_loopback_only_loopback_names_may_call() {
    let process = start(&[("ALLOWED_HOSTS", "")]);
    for host in ["localhost", "localhost:7860", "127.0.0.1", "[::1]:80", &process.address.to_string()] {
        assert_eq!(named(&process, "/hello", host), 200, "{host}");
    }
    for host in ["rebound.example", "localhost.example:80", "10.0.0.1", "0.0.0.0", ""] {
        assert_eq!(named(&process, "/hello", host), 421, "{host}");
        assert_eq!(named(&process, "/health", host), 200, "{host}: a probe");
        assert_eq!(named(&process, "/health/ready", host), 200, "{host}: a probe");
    }
    let reply = exchange(process.address, "GET /hello HTTP/1.1\r\nhost: rebound.example:80\r\n\r\n");
    assert_error(&reply, 421, "wrong_host");
    assert!(
        reply.text().contains("rebound.example") && reply.text().contains("ALLOWED_HOSTS"),
        "{}",
        reply.text()
    );
    assert_eq!(reply.header("connection"), "close");
    assert_eq!(exchange(process.address, "GET /hello HTTP/1.0\r\n\r\n").status, 421, "no name at all");
}

#[test]
fn on_loopback_only_loopback_names_may_call_after_a_crash_too() {
    let process = start(&[("ALLOWED_HOSTS", "")]);
    for _ in 0..3 {
        assert_eq!(named(&process, "/hello", "rebound.example"), 421);
        assert_eq!(named(&process, "/hello", "localhost"), 200);
        process.signal("SEGV");
        process.log("\"listening\"");
    }
}

#[test]
fn allowed_hosts_are_names_without_their_ports() {
    let process = start(&[("ALLOWED_HOSTS", "api.example, Other.example")]);
    for host in ["api.example", "API.example:443", "other.example", "localhost"] {
        assert_eq!(named(&process, "/hello", host), 200, "{host}");
    }
    assert_eq!(named(&process, "/hello", "third.example"), 421);
}

#[test]
fn elsewhere_every_name_may_call_unless_some_are_listed() {
    let process = start(&[("ALLOWED_HOSTS", ""), ("HOST", "0.0.0.0")]);
    assert_eq!(named(&process, "/hello", "any.example"), 200);
    let process = start(&[("ALLOWED_HOSTS", "api.example"), ("HOST", "0.0.0.0")]);
    assert_eq!(
        [named(&process, "/hello", "api.example"), named(&process, "/hello", "any.example")],
        [200, 421]
    );
}
