//! How often a request is sent.

use std::net::TcpListener;

use serde_json::json;
use space_kit::testing::{Process, Reply};

use crate::chat;
use crate::fake::{Fake, completion, json_answer, until_closed};
use crate::support::{before, before_all, question};

/// Requests that create, bill or delete something.
const CREATING: &[(&str, &str)] = &[
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/batches"),
    ("POST", "/v1/files"),
    ("POST", "/v1/audio/transcriptions"),
    ("DELETE", "/v1/files/f_1"),
];

fn request(service: &Process, (method, path): (&str, &str)) -> Reply {
    let body = if method == "POST" { r#"{"model":"org/model","prompt":"a cat"}"# } else { "" };
    service.request(method, path, &[("content-type", "application/json")], body)
}

/// An upstream that answers chats and treats other requests like this.
fn fake(script: impl Fn(usize, &mut std::net::TcpStream) -> bool + Send + Sync + 'static) -> Fake {
    Fake::start(move |seen, stream| match seen.line().contains("/chat/") {
        true => json_answer(stream, 200, "", &completion("hello").to_string()),
        false => script(seen.number, stream),
    })
}

#[test]
fn what_creates_or_bills_is_sent_once_if_it_may_have_been_processed() {
    for failure in ["closes", "500", "504", "503", "page", "silent"] {
        for creating in CREATING {
            let fake = fake(move |_, stream| match failure {
                "closes" => false,
                "silent" => until_closed(stream),
                "page" => json_answer(stream, 502, "", "<html>no</html>"),
                status => json_answer(stream, status.parse().unwrap(), "", r#"{"error":"boom"}"#),
            });
            let second = Fake::json(json!({}));
            let service = before_all(&[&fake, &second], &[("UPSTREAM_TIMEOUT", "1500ms")]);
            // Afterwards, a connection is kept.
            assert_eq!(chat(&service, &question(json!({}))).status, 200);
            assert!(request(&service, *creating).status >= 500, "{failure} {creating:?}");
            assert_eq!((fake.count(), second.count()), (2, 0), "{failure} {creating:?}");
        }
    }
}

#[test]
fn what_was_refused_or_not_sent_is_sent_again() {
    for (status, headers) in [(429, ""), (503, "retry-after: 1\r\n")] {
        let fake = fake(move |number, stream| match number {
            0 => json_answer(stream, status, headers, r#"{"error":"busy"}"#),
            _ => json_answer(stream, 200, "", r#"{"done":true}"#),
        });
        let reply = request(&before(&fake, &[]), CREATING[0]);
        assert_eq!((reply.status, fake.count()), (200, 2), "{status}");
    }
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let second = Fake::json(json!({"done": true}));
    let urls = format!("http://{unused}/v1,{}", second.url());
    let service = crate::start(&[("UPSTREAM_URL", &urls)]);
    assert_eq!((request(&service, CREATING[0]).status, second.count()), (200, 1));
}

#[test]
fn what_only_reads_is_sent_again() {
    for failure in [500, 0] {
        let fake = fake(move |number, stream| match number {
            0 => failure != 0 && json_answer(stream, failure, "", r#"{"error":"boom"}"#),
            _ => json_answer(stream, 200, "", r#"{"done":true}"#),
        });
        let reply = request(&before(&fake, &[]), ("GET", "/v1/files/f_1"));
        assert_eq!((reply.status, fake.count()), (200, 2));
    }
}
