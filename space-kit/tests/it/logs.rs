//! The log: one JSON object per line, without queries, bodies and secrets; request ids link lines to responses.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use space_kit::testing::{Process, exchange, read_reply, send};

use crate::support::{command, command_under, fields, get, metric, post, start};

#[test]
fn a_request_is_one_line_with_all_fields() {
    let process = start(&[]);
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    let headers = [("x-request-id", "my-id"), ("traceparent", parent.as_str())];
    let reply = process.request("POST", "/echo", &headers, "12345");
    let line = process.log("\"request\"");
    let names: Vec<&str> = [
        "time",
        "level",
        "message",
        "service",
        "request_id",
        "method",
        "route",
        "path",
        "status",
        "duration_ms",
        "bytes",
        "client",
        "trace_id",
    ]
    .into();
    let places: Vec<usize> = names.iter().map(|name| line.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{line}");
    let fields = fields(&line);
    assert_eq!(fields.as_object().unwrap().len(), names.len(), "{line}");
    assert_eq!(fields["request_id"], reply.header("x-request-id"));
    assert_eq!((fields["method"].as_str(), fields["path"].as_str()), (Some("POST"), Some("/echo")));
    assert_eq!((fields["service"].as_str(), fields["trace_id"].as_str()), (Some("probe"), Some(trace)));
    assert_eq!((fields["status"].as_u64(), fields["bytes"].as_u64()), (Some(200), Some(5)));
    assert_eq!((fields["level"].as_str(), fields["client"].as_str()), (Some("info"), Some("127.0.0.1")));
    let time = fields["time"].as_str().unwrap();
    assert!(time.len() == "2026-01-01T00:00:00.000Z".len() && time.ends_with('Z'), "{time}");
}

#[test]
fn nothing_of_a_query_a_body_or_a_header_is_logged() {
    let process = start(&[("LOG_LEVEL", "debug"), ("MAX_BODY_BYTES", "100")]);
    process.get("/hello?token=secret1");
    process.get("/nothing?token=secret2");
    process.request("POST", "/echo", &[("authorization", "Bearer secret3")], "secret4");
    process.request("POST", "/echo", &[], &"secret5".repeat(100));
    process.request("GET", "/hello", &[("cookie", "secret6"), ("x-request-id", "no sane id secret7")], "");
    exchange(process.address, "GET /hello?secret8 HTTP/1.1\r\nbad header secret9\r\n\r\n");
    exchange(process.address, post("/echo", "transfer-encoding: chunked") + "secret10\r\n");
    let lines = process.stop().1;
    assert!(lines.len() >= 8, "{lines:#?}");
    assert!(!lines.concat().contains("secret"), "{lines:#?}");
}

#[test]
fn a_complete_response_is_not_logged_as_aborted() {
    let process = start(&[]);
    process.request("POST", "/release", &[], "");
    for (method, path) in
        [("GET", "/stream"), ("HEAD", "/stream"), ("HEAD", "/hello"), ("OPTIONS", "/hello"), ("GET", "/fail")]
    {
        process.request(method, path, &[], "");
        let line = process.log(&format!("\"path\":\"{path}\""));
        assert!(line.contains(method) && !line.contains("aborted"), "{line}");
    }
}

#[test]
fn the_cause_of_a_failure_is_only_in_the_log() {
    let process = start(&[]);
    let reply = process.get("/fail");
    assert_eq!((reply.status, reply.json()["message"].as_str()), (502, Some("the upstream did not respond")));
    assert!(!reply.text().contains("hf_x"), "{}", reply.text());
    let line = fields(&process.log("/fail"));
    assert_eq!(
        (line["level"].as_str(), line["cause"].as_str()),
        (Some("error"), Some("token hf_x was refused"))
    );
}

#[test]
fn a_rejected_request_has_the_code_of_its_error_in_its_line() {
    let process = start(&[("METRICS_TOKEN", "0123456789abcdef0123456789abcdef"), ("MAX_BODY_BYTES", "100")]);
    process.get("/metrics");
    process.get("/none");
    process.request("POST", "/echo", &[], &"x".repeat(101));
    for (path, code) in [("/metrics", "unauthorized"), ("/none", "not_found"), ("/echo", "request_too_large")]
    {
        let line = fields(&process.log(path));
        assert_eq!((line["level"].as_str(), line["code"].as_str()), (Some("info"), Some(code)));
    }
}

#[test]
fn a_line_has_the_pattern_of_the_route_and_no_trace_of_its_own() {
    let process = start(&[]);
    for (path, route) in [("/hello/you", "/hello/{name}"), ("/none", "unmatched")] {
        process.request("GET", path, &[("traceparent", "00-secret-1-01")], "");
        let line = process.log(path);
        assert_eq!(fields(&line)["route"], route);
        assert!(!line.contains("trace_id") && !line.contains("secret"), "{line}");
    }
}

#[test]
fn a_log_that_nobody_reads_stops_no_request_and_loses_whole_lines() {
    const REQUESTS: usize = 600;
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let activated = "LISTEN_FDS=1 LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; exec 3<&0;";
    let mut child = command_under(activated, &[])
        .stdin(Stdio::from(OwnedFd::from(socket)))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A pipe holds 64 KiB, and these lines are more.
    let long = format!("/{}", "x".repeat(400));
    let requests = get(&long).repeat(REQUESTS);
    let mut stream = send(address, requests);
    (0..REQUESTS).for_each(|_| assert_eq!(read_reply(&mut stream, false).status, 404));
    drop(stream);
    let metrics = exchange(address, get("/metrics").replace("probe", "localhost")).text();
    let lost = metric(&metrics, "space_log_lines_dropped_total");
    child.kill().unwrap();
    let log = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    let kept: Vec<_> = log.lines().map(fields).filter(|line| line["message"] == "request").collect();
    assert!(lost > 100 && kept.len() > 50, "{lost} lost, {} kept", kept.len());
    let others = log.lines().count() - kept.len();
    assert!(others <= 1 && kept.len() + lost as usize + others >= REQUESTS, "each line is whole, or counted");
}

#[test]
fn a_path_cannot_forge_a_line_or_a_field() {
    let process = start(&[]);
    let forged = "/x\",\"level\":\"error";
    process.get(forged);
    let line = fields(&process.log("/x"));
    assert_eq!((line["path"].as_str(), line["level"].as_str()), (Some(forged), Some("info")));

    process.get("/hello/\u{9b}31m\u{202e}");
    let line = process.log("/hello");
    assert!(
        !line.contains('\u{9b}'),
        "a terminal takes U+009B for the begin of a control sequence: {line:?}"
    );
    assert_eq!(fields(&line)["path"], "/hello/\u{9b}31m\u{202e}");
}

#[test]
fn a_valid_request_id_is_kept_and_an_invalid_one_replaced() {
    let process = start(&[]);
    let id = |sent: &str| {
        process.request("GET", "/hello", &[("x-request-id", sent)], "").header("x-request-id").to_owned()
    };
    for sane in ["a", "Root=1-67891233-abcdef012345678912345678", "A.b_c:d;e=f-9", &"x".repeat(128)] {
        assert_eq!(id(sane), sane);
    }
    for insane in ["", "two words", "\"quoted\"", "\u{fc}", "<script>", &"x".repeat(129)] {
        let made = id(insane);
        assert!(
            made.len() == 32 && made.bytes().all(|b| b.is_ascii_hexdigit()),
            "{insane:?} became {made:?}"
        );
    }
    assert_ne!(id(""), id(""));
}

#[test]
fn every_response_has_the_id_of_its_log_line() {
    let process = start(&[("LOG_LEVEL", "debug"), ("HEADER_TIMEOUT", "500ms"), ("MAX_CONNECTIONS", "1")]);
    for request in [
        get("/hello"),
        get("/health/live"),
        get("/nothing"),
        get("/hello").replace("GET", "OPTIONS"),
        "GET /late".to_owned(),
        "garbage\r\n\r\n".to_owned(),
        format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000)),
    ] {
        let request = request.replace("host:", "connection: close\r\nhost:");
        let mut stream = send(process.address, request);
        let reply = read_reply(&mut stream, false);
        let id = reply.header("x-request-id");
        assert_eq!(id.len(), 32, "{:?}", reply.headers);
        let line = fields(&process.log(id));
        assert_eq!(line["status"], reply.status);
        space_kit::testing::rest(&mut stream);
    }
}

#[test]
fn the_client_is_the_entry_that_the_outermost_trusted_proxy_wrote() {
    let chain = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "1.1.1.1, 2001:db8::7, 10.0.0.1:4711")];
    for (hops, client) in
        [("0", "127.0.0.1"), ("1", "10.0.0.1"), ("2", "2001:db8::7"), ("3", "1.1.1.1"), ("9", "6.6.6.6")]
    {
        let process = start(&[("TRUSTED_PROXY_HOPS", hops)]);
        process.request("GET", "/hello", &chain, "");
        assert_eq!(fields(&process.log("/hello"))["client"], client, "{hops} hops");
    }
    let space = start(&[("SPACE_ID", "me/app")]);
    space.request("GET", "/hello", &chain, "");
    assert_eq!(fields(&space.log("/hello"))["client"], "10.0.0.1", "a Space has one proxy in front");
}

#[test]
fn an_entry_that_is_not_ascii_does_not_shift_the_count() {
    let process = start(&[("TRUSTED_PROXY_HOPS", "1")]);
    process.request(
        "GET",
        "/a",
        &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "\u{fc}, 1.1.1.1")],
        "",
    );
    assert_eq!(fields(&process.log("/a"))["client"], "1.1.1.1", "6.6.6.6 is the client's own word");
    process.request("GET", "/b", &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "\u{fc}")], "");
    assert_eq!(fields(&process.log("/b"))["client"], "127.0.0.1");
}

#[test]
fn the_text_format_is_one_readable_line() {
    let process = Process::run(command(&[], &[("LOG_FORMAT", "text"), ("HOST", "192.0.2.1")]));
    let told = String::from_utf8(process.stderr).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(told.contains("ERROR cannot serve cause=\"this machine has no address 192.0.2.1"), "{told}");
}
