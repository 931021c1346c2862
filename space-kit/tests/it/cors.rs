//! CORS: which sites' pages may call the service, and with what.

use space_kit::testing::{Process, Reply};

use crate::support::{assert_error, start};

const SITE: &str = "https://site.example";

fn preflight(process: &Process, path: &str, origin: &str) -> Reply {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,x-anything"),
    ];
    process.request("OPTIONS", path, &headers, "")
}

fn cors_headers(reply: &Reply) -> Vec<&str> {
    let names = reply.headers.iter().map(|(name, _)| name.as_str());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

#[test]
fn by_default_no_other_site_gets_cors_headers() {
    let process = start(&[]);
    assert_eq!(cors_headers(&preflight(&process, "/echo", SITE)), [""; 0]);
    let reply = process.request("GET", "/hello", &[("origin", SITE)], "");
    assert_eq!((reply.status, cors_headers(&reply)), (200, vec![]));
    assert_eq!(reply.header("vary"), "");
}

#[test]
fn any_site_may_call_without_credentials() {
    let process = start(&[("CORS_ORIGINS", "*")]);
    let reply = preflight(&process, "/echo", SITE);
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.header("access-control-allow-methods"), "POST, OPTIONS");
    assert_eq!(reply.header("access-control-allow-headers"), "authorization,x-anything");
    assert_eq!(reply.header("access-control-max-age"), "7200");
    assert_eq!(reply.header("vary"), "access-control-request-headers");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    let reply = process.request("GET", "/hello", &[("origin", SITE)], "");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.header("access-control-expose-headers"), "x-request-id");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
}

#[test]
fn a_listed_site_may_call_with_credentials() {
    let process = start(&[("CORS_ORIGINS", "http://localhost:3000, https://site.example")]);
    for origin in [SITE, "http://localhost:3000"] {
        let reply = preflight(&process, "/hello", origin);
        assert_eq!(reply.header("access-control-allow-origin"), origin);
        assert_eq!(reply.header("access-control-allow-credentials"), "true");
        assert_eq!(reply.header("access-control-allow-methods"), "GET, HEAD, OPTIONS");
        let reply = process.request("GET", "/hello", &[("origin", origin)], "");
        assert_eq!(reply.header("access-control-allow-origin"), origin);
        assert_eq!(reply.header("access-control-allow-credentials"), "true");
        assert_eq!(reply.header("vary"), "origin");
    }
}

#[test]
fn a_foreign_site_gets_no_cors_headers_and_caches_separate_it() {
    let process = start(&[("CORS_ORIGINS", SITE)]);
    for origin in ["https://site.example.evil", "https://evil.example", "http://site.example", "null"] {
        assert_eq!(cors_headers(&preflight(&process, "/echo", origin)), [""; 0], "{origin}");
        let reply = process.request("GET", "/hello", &[("origin", origin)], "");
        assert_eq!((reply.status, cors_headers(&reply)), (200, vec![]), "{origin}");
        assert_eq!(reply.header("vary"), "origin");
    }
    assert_eq!(process.get("/hello").header("vary"), "origin", "an answer without an origin is not for all");
}

#[test]
fn a_page_can_read_an_error_and_its_id() {
    let process = start(&[("CORS_ORIGINS", SITE)]);
    for (method, path, status, code) in [
        ("GET", "/nothing", 404, "not_found"),
        ("DELETE", "/hello", 405, "method_not_allowed"),
        ("GET", "/fail", 502, "upstream"),
    ] {
        let reply = process.request(method, path, &[("origin", SITE)], "");
        assert_error(&reply, status, code);
        assert_eq!(reply.header("access-control-allow-origin"), SITE, "{path}");
        assert_eq!(reply.header("access-control-expose-headers"), "x-request-id", "{path}");
    }
}

#[test]
fn a_preflight_for_an_unknown_path_is_a_404_that_the_page_can_read() {
    let process = start(&[("CORS_ORIGINS", "*")]);
    let reply = preflight(&process, "/nothing", SITE);
    assert_error(&reply, 404, "not_found");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
}
