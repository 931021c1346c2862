//! `/metrics`: access, contents and bounded size.

use std::collections::BTreeSet;

use space_kit::testing::{Process, exchange, read_reply, send};

use crate::support::{assert_error, get, metric, start};

const TOKEN: &str = "a-token-of-enough-length";

fn with(process: &Process, header: (&str, &str)) -> u16 {
    process.request("GET", "/metrics", &[header], "").status
}

#[test]
fn with_a_token_only_its_bearer_may_read_metrics() {
    let process = start(&[("METRICS_TOKEN", TOKEN), ("SPACE_ID", "me/app")]);
    let reply = process.request("GET", "/metrics", &[("authorization", &format!("Bearer {TOKEN}"))], "");
    assert_eq!(
        (reply.status, reply.header("content-type")),
        (200, "text/plain; version=0.0.4; charset=utf-8")
    );
    for wrong in ["", "Bearer", "Bearer ", "Bearer a-token-of-enough-lengti", "Bearer a-token", TOKEN] {
        let reply = process.request("GET", "/metrics", &[("authorization", wrong)], "");
        assert_error(&reply, 401, "unauthorized");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    assert_eq!(with(&process, ("authorization", &format!("Bearer {TOKEN}x"))), 401);
    assert_error(&process.get("/metrics"), 401, "unauthorized");
}

#[test]
fn without_a_token_only_this_machine_may_read_metrics() {
    let process = start(&[]);
    assert_eq!(process.get("/metrics").status, 200);
    let named =
        |host| exchange(process.address, format!("GET /metrics HTTP/1.1\r\nhost: {host}\r\n\r\n")).status;
    assert_eq!(
        ["localhost:7860", "[::1]", "site.example", "10.0.0.1", ""].map(named),
        [200, 200, 404, 404, 404]
    );
    let proxies =
        ["x-forwarded-for", "forwarded", "x-real-ip", "via", "cf-connecting-ip", "x-forwarded-host"];
    for header in proxies {
        assert_eq!(with(&process, (header, "10.0.0.1")), 404, "{header}: a proxy stands between");
    }
    let behind = start(&[("TRUSTED_PROXY_HOPS", "1")]);
    assert_eq!(behind.get("/metrics").status, 200, "the proxy's machine");
    for client in ["10.1.2.3", "127.0.0.1", "8.8.8.8", "2001:db8::1"] {
        assert_eq!(with(&behind, ("x-forwarded-for", client)), 404, "{client}");
    }
}

#[test]
fn on_a_space_without_a_token_metrics_are_off() {
    let process = start(&[("SPACE_ID", "me/app")]);
    assert_error(&process.get("/metrics"), 404, "not_found");
    assert_eq!(with(&process, ("x-forwarded-for", "10.0.0.1")), 404);
}

#[test]
fn requests_are_counted_by_route_and_status() {
    let process = start(&[]);
    process.get("/hello/a");
    process.get("/hello/b");
    process.request("HEAD", "/hello/c", &[], "");
    process.get("/fail");
    process.get("/nothing");
    process.request("DELETE", "/hello", &[], "");
    process.request("POST", "/echo", &[], "12345");
    let text = process.get("/metrics").text();
    for (name, value) in [
        (r#"space_http_requests_total{method="GET",route="/hello/{name}",code="200"}"#, 3),
        (r#"space_http_requests_total{method="GET",route="/fail",code="502"}"#, 1),
        (r#"space_http_requests_total{method="other",route="unmatched",code="404"}"#, 1),
        (r#"space_http_requests_total{method="other",route="unmatched",code="405"}"#, 1),
        (r#"space_http_request_duration_seconds_count{method="GET",route="/hello/{name}"}"#, 3),
        ("space_http_request_body_bytes_total", 5),
        ("space_http_requests_in_flight", 1),
        ("space_http_connections", 1),
        ("space_http_connections_total", 8),
    ] {
        assert_eq!(metric(&text, name), value, "{name}\n{text}");
    }
    assert!(metric(&text, "space_http_response_body_bytes_total") > 5);
    assert!(text.contains(r#"space_build_info{service="probe",version=""#), "{text}");
    assert!(text.contains(r#"rustc="rustc 1."#), "{text}");
}

#[test]
fn the_process_is_described_under_the_standard_names() {
    let process = start(&[]);
    let text = process.get("/metrics").text();
    let (open, most) = (metric(&text, "process_open_fds"), metric(&text, "process_max_fds"));
    assert!((6..most).contains(&open), "three standard ones, the listener, this connection and more: {text}");
    let (resident, memory) =
        (metric(&text, "process_resident_memory_bytes"), metric(&text, "process_virtual_memory_bytes"));
    assert!(0 < resident && resident <= memory, "{text}");
    assert!(text.contains("\nprocess_cpu_seconds_total 0."), "{text}");
    assert!(metric(&text, "process_start_time_seconds") > 0);
}

#[test]
fn rejected_connections_are_counted_separately() {
    let process = start(&[]);
    read_reply(&mut send(process.address, "garbage\r\n\r\n"), false);
    assert_eq!(metric(&process.get("/metrics").text(), "space_http_refused_connections_total"), 1);
}

#[test]
fn no_request_can_add_a_label() {
    let process = start(&[]);
    let series = || -> BTreeSet<String> {
        let text = process.get("/metrics").text();
        text.lines().filter_map(|line| line.split_once("} ")).map(|(name, _)| name.to_owned()).collect()
    };
    process.get("/nothing");
    process.get("/hello/you");
    process.get("/metrics");
    let before = series();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64; // xorshift: any 1000 different paths will do
    let mut requests = String::new();
    for n in 0..1000 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let method = ["GET", "POST", "DELETE", "BREW"][n % 4];
        let path = [format!("/{state:x}"), format!("/hello/{state:x}/x")][n % 2].clone();
        requests += &get(&path).replace("GET", method);
        requests += &get(&format!("/hello/{state:x}"));
    }
    let mut stream = send(process.address, requests);
    for _ in 0..1000 {
        assert_eq!(read_reply(&mut stream, false).status, 404);
        assert_eq!(read_reply(&mut stream, false).status, 200);
    }
    assert_eq!(series(), before);
    let unmatched = r#"space_http_requests_total{method="other",route="unmatched",code="404"}"#;
    assert_eq!(metric(&process.get("/metrics").text(), unmatched), 1001);
}

#[test]
fn every_family_has_a_type_and_every_line_is_well_formed() {
    let process = start(&[]);
    process.get("/hello");
    let text = process.get("/metrics").text();
    let mut families = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(families.insert(rest.split(' ').next().unwrap()), "{line} is there twice");
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let base = name.split('{').next().unwrap();
            let family =
                ["_bucket", "_sum", "_count"].iter().find_map(|end| base.strip_suffix(end)).unwrap_or(base);
            assert!(families.contains(family), "{line} has no TYPE before it");
        }
    }
    assert!(text.ends_with('\n'));
}

#[test]
fn the_services_own_metrics_follow_the_kits() {
    let process = start(&[]);
    assert_eq!(metric(&process.get("/metrics").text(), "probe_own_total"), 1);
}
