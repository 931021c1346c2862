//! Routing: 404, 405 with `Allow`, HEAD, OPTIONS, placeholders.

use std::collections::BTreeSet;

use space_kit::testing::{Reply, exchange, read_reply, send};

use crate::support::{assert_error, get, start};

/// A GET request for each kind of response.
const GETS: [&str; 10] = [
    "/hello",
    "/hello/you",
    "/stream",
    "/fail",
    "/health",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/openapi.json",
    "/nothing",
];

#[test]
fn an_unknown_path_is_a_404_for_every_method() {
    let process = start(&[]);
    for path in ["/", "/hell", "/hello/", "/hello/a/b", "//hello", "/HELLO", "/health/", "/hello%2Fyou"] {
        for method in ["GET", "POST", "OPTIONS", "BREW"] {
            assert_error(&process.request(method, path, &[], ""), 404, "not_found");
        }
    }
}

#[test]
fn a_browser_gets_a_page_for_an_unknown_path() {
    let process = start(&[]);
    let accept = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let page = process.request("GET", "/nothing", &accept, "");
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
    assert_eq!((page.header("vary"), page.header("cache-control")), ("accept", "no-store"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(page.text().contains("<h1>Page not found</h1>"), "{}", page.text());
    for accept in ["*/*", "application/json"] {
        assert_error(&process.request("GET", "/nothing", &[("accept", accept)], ""), 404, "not_found");
    }
}

#[test]
fn another_method_is_a_405_that_lists_the_accepted_ones() {
    let process = start(&[]);
    for (method, path, allow) in [
        ("POST", "/hello", "GET, HEAD, OPTIONS"),
        ("DELETE", "/hello/you", "GET, HEAD, OPTIONS"),
        ("GET", "/echo", "POST, OPTIONS"),
        ("HEAD", "/release", "POST, OPTIONS"),
        ("PUT", "/health/ready", "GET, HEAD, OPTIONS"),
        ("get", "/hello", "GET, HEAD, OPTIONS"),
        ("TRACE", "/openapi.json", "GET, HEAD, OPTIONS"),
    ] {
        let reply = process.request(method, path, &[], "");
        assert_eq!((reply.status, reply.header("allow")), (405, allow), "{method} {path}");
        if method != "HEAD" {
            assert_error(&reply, 405, "method_not_allowed");
            assert!(reply.text().contains(allow), "{}", reply.text());
        }
    }
}

#[test]
fn options_lists_the_methods_of_a_path_or_of_the_whole_server() {
    let process = start(&[]);
    for (path, allow) in [
        ("/hello", "GET, HEAD, OPTIONS"),
        ("/echo", "POST, OPTIONS"),
        ("/metrics", "GET, HEAD, OPTIONS"),
        ("*", "GET, HEAD, POST, OPTIONS"),
    ] {
        let reply = process.request("OPTIONS", path, &[], "");
        assert_eq!((reply.status, reply.header("allow")), (204, allow), "{path}");
        assert_eq!(reply.header("content-length"), "", "a 204 has no length (RFC 9110 section 8.6)");
        assert!(!reply.header("x-request-id").is_empty());
    }
}

#[test]
fn head_is_get_without_the_body() {
    let process = start(&[]);
    for path in GETS {
        let mut stream = send(
            process.address,
            get(path).replace("GET", "HEAD").replace("host: probe", "host: localhost") + &get("/hello/next"),
        );
        let head = read_reply(&mut stream, true);
        assert_eq!(read_reply(&mut stream, false).json(), "next", "HEAD {path} has no body");
        process.request("POST", "/release", &[], "");
        let got = process.get(path);
        assert_eq!(head.status, got.status, "{path}");
        let differs = |name: &str| match name {
            "date" | "x-request-id" => true,
            "transfer-encoding" => path == "/stream", // may be omitted (RFC 9110 section 9.3.2)
            "content-length" => path == "/metrics",   // the previous request made it longer
            _ => false,
        };
        let fields = |reply: Reply| -> Vec<_> {
            reply.headers.into_iter().filter(|(name, _)| !differs(name)).collect()
        };
        assert_eq!(fields(head), fields(got), "{path}");
    }
}

#[test]
fn a_placeholder_is_one_segment_still_encoded() {
    let process = start(&[]);
    for (path, name) in [("/hello/you", "you"), ("/hello/%2F%00", "%2F%00"), ("/hello/a?b/c", "a")] {
        assert_eq!(process.get(path).json(), name, "{path}");
    }
    assert_eq!(process.get("/hello/%C3%BC").json(), "%C3%BC");
}

#[test]
fn connect_is_rejected() {
    let reply = exchange(start(&[]).address, "CONNECT example.com:443 HTTP/1.1\r\nhost: example.com\r\n\r\n");
    assert_error(&reply, 404, "not_found");
}

#[test]
fn responses_have_only_the_listed_headers() {
    let process = start(&[("CORS_ORIGINS", "https://site.example")]);
    let mut replies: Vec<Reply> = GETS.iter().map(|path| process.request("HEAD", path, &[], "")).collect();
    let origin = ("origin", "https://site.example");
    replies.push(process.request("GET", "/hello", &[origin], ""));
    replies.push(process.request(
        "OPTIONS",
        "/hello",
        &[origin, ("access-control-request-method", "GET")],
        "",
    ));
    replies.push(process.request("DELETE", "/hello", &[], ""));
    replies.push(process.request("POST", "/echo", &[], "body"));
    replies.push(exchange(process.address, "garbage\r\n\r\n"));
    let names: BTreeSet<&str> =
        replies.iter().flat_map(|reply| &reply.headers).map(|(name, _)| name.as_str()).collect();
    let decided = BTreeSet::from([
        "access-control-allow-credentials",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-expose-headers",
        "access-control-max-age",
        "allow",
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "date",
        "vary",
        "x-content-type-options",
        "x-request-id",
    ]);
    assert_eq!(names, decided);
    for reply in &replies {
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{:?}", reply.headers);
        assert!(!reply.header("date").is_empty(), "{:?}", reply.headers);
    }
}
