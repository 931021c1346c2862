//! Health endpoints: public, uncached, GET and HEAD.

use crate::support::{fields, start};

#[test]
fn health_is_open_to_all_and_never_cached() {
    let process = start(&[("SPACE_ID", "me/app"), ("METRICS_TOKEN", "a-token-of-enough-length")]);
    for path in ["/health", "/health/live", "/health/ready"] {
        for method in ["GET", "HEAD"] {
            let reply = process.request(method, path, &[("x-forwarded-for", "8.8.8.8")], "");
            assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"), "{method} {path}");
            assert_eq!(reply.header("content-type"), "application/json");
        }
    }
}

#[test]
fn health_reports_the_service_its_version_and_uptime() {
    let health = start(&[]).get("/health").json();
    assert_eq!(health["status"], "ok");
    assert_eq!(
        (health["service"].as_str(), &health["version"]),
        (Some("probe"), &env!("CARGO_PKG_VERSION").into())
    );
    assert!(health["uptime_seconds"].is_u64(), "{health}");
    assert_eq!(health["checks"], serde_json::json!({"accepting": "ok"}));
}

#[test]
fn a_service_that_does_less_than_it_could_is_degraded_and_stays_ready() {
    let process = start(&[("GREETING", "weak")]);
    for reason in ["one reason", "another"] {
        assert_eq!(fields(&process.log(reason))["level"], "warn", "a start says it too");
    }
    let reply = process.get("/health");
    let health = reply.json();
    assert_eq!((reply.status, health["status"].as_str()), (200, Some("degraded")));
    assert_eq!(health["reasons"], serde_json::json!(["one reason", "another"]));
    assert_eq!(process.get("/health/ready").text(), r#"{"status":"ok"}"#);
    assert!(start(&[]).get("/health").json()["reasons"].is_null());
}

#[test]
fn live_and_ready_return_one_word() {
    let process = start(&[]);
    assert_eq!(process.get("/health/live").text(), r#"{"status":"ok"}"#);
    assert_eq!(process.get("/health/ready").text(), r#"{"status":"ok"}"#);
}

#[test]
fn health_checks_are_logged_at_debug_level_only() {
    let quiet = start(&[]);
    let loud = start(&[("LOG_LEVEL", "debug")]);
    for process in [&quiet, &loud] {
        for path in ["/health", "/health/live", "/health/ready", "/metrics", "/hello"] {
            assert_eq!(process.get(path).status, 200);
        }
    }
    assert_eq!(quiet.log_until("/hello").len(), 1);
    let levels: Vec<_> = loud.log_until("/hello").iter().map(|line| fields(line)["level"].clone()).collect();
    assert_eq!(levels, ["debug", "debug", "debug", "debug", "info"]);
}
