//! Start-up: from the configuration to the first accepted connection.

use std::net::TcpListener;
use std::process::Output;

use space_kit::testing::Process;

use crate::support::{command, fields, start};

fn run(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = Process::run(command(args, env));
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn all_configuration_errors_are_reported_together() {
    let wrong = [
        ("HOST", "localhost"),
        ("PORT", "70000"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("CORS_ORIGINS", "site.example"),
        ("MAX_BODY_BYTES", "many"),
        ("MAX_CONNECTIONS", "0"),
        ("HEADER_TIMEOUT", "10"),
        ("REQUEST_TIMEOUT", "0s"),
        ("IDLE_TIMEOUT", "soon"),
        ("DRAIN_TIMEOUT", "-1s"),
        ("TRUSTED_PROXY_HOPS", "256"),
        ("LISTEN_FDS", "2"),
        ("LISTEN_PID", "me"),
        ("READY_FD", "2"),
        ("GREETING", "more than twenty characters"), // the service's own variable
    ];
    for args in [&[][..], &["check"], &["healthcheck"]] {
        let (status, told) = run(args, &wrong);
        assert_eq!(status, Some(64), "{args:?}: {told}");
        for (name, value) in wrong {
            let line = format!("  {name}: {value:?} is not accepted; accepted: ");
            assert!(told.contains(&line), "{line:?} is missing in\n{told}");
        }
        assert!(told.starts_with("probe: 16 problems\n"), "{told}");
    }
}

#[test]
fn the_services_own_variables_are_checked_with_the_kits() {
    let (status, told) = run(&[], &[("PORT", "x"), ("GREETING", "much longer than twenty characters")]);
    assert_eq!(status, Some(64));
    assert!(told.contains("PORT: \"x\""), "{told}");
    let (status, told) = run(&["check"], &[("GREETING", "much longer than twenty characters")]);
    assert_eq!(status, Some(64));
    assert!(told.contains("GREETING: \"much longer") && told.contains("1 to 20 characters"), "{told}");
}

#[test]
fn a_secret_is_never_repeated() {
    for secret in ["hunter2", "correct horse battery staple", "pässword-with-umlaut"] {
        let (status, told) = run(&[], &[("METRICS_TOKEN", secret)]);
        assert_eq!(status, Some(64));
        assert!(told.contains("METRICS_TOKEN") && !told.contains(secret), "{told}");
    }
    let process = start(&[("METRICS_TOKEN", "a-token-of-enough-length"), ("LOG_LEVEL", "debug")]);
    process.request("GET", "/metrics", &[("authorization", "Bearer a-token-of-enough-length")], "");
    let lines = process.stop().1.concat();
    assert!(lines.contains("/metrics") && !lines.contains("a-token"), "{lines}");
}

#[test]
fn names_that_look_like_ours_are_reported_with_ours_and_without_values() {
    let set =
        [("SALUTATION", "secret"), ("MY_METRICS_TOKEN", "secret"), ("HOTS", "secret"), ("OTHER", "secret")];
    let process = start(&set);
    process.get("/hello");
    let told = process.log_until("/hello").concat();
    for line in [
        "SALUTATION is unknown; did you mean GREETING?",
        "MY_METRICS_TOKEN is unknown; did you mean METRICS_TOKEN?",
    ] {
        assert!(told.contains(line), "{told}");
    }
    assert!(!told.contains("secret") && !told.contains("OTHER"), "{told}");
    assert!(!told.contains("HOTS"), "HOST itself is set: {told}");
}

#[test]
fn a_port_that_the_proxy_of_a_space_does_not_ask_is_reported() {
    let space = start(&[("SPACE_ID", "me/app")]);
    assert!(space.log("PORT").contains("app_port in the Space's README.md"));
    let elsewhere = start(&[]);
    elsewhere.get("/hello");
    assert!(!elsewhere.log_until("/hello").concat().contains("app_port"));
}

#[test]
fn a_secret_in_quotes_and_a_placeholder_are_rejected() {
    for (value, why) in [("\"a-token-of-enough-length\"", "quotes"), ("changeme-changeme", "placeholder")] {
        let (status, told) = run(&["check"], &[("METRICS_TOKEN", value)]);
        assert_eq!(status, Some(64), "{told}");
        assert!(told.contains("METRICS_TOKEN") && told.contains(why) && !told.contains(value), "{told}");
    }
    let (status, told) = run(&["check"], &[("GREETING", "'quoted'")]);
    assert_eq!(status, Some(0), "only secrets: {told}");
}

#[test]
fn an_empty_value_counts_as_unset() {
    let (status, told) = run(&["check"], &[("PORT", ""), ("METRICS_TOKEN", ""), ("GREETING", "")]);
    assert_eq!((status, told.as_str()), (Some(0), ""));
}

#[test]
fn a_taken_port_is_named_and_the_exit_status_is_1() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (status, told) = run(&[], &[("PORT", &port)]);
    assert_eq!(status, Some(1), "{told}");
    let line = fields(told.lines().last().unwrap());
    assert_eq!((line["level"].as_str(), line["message"].as_str()), (Some("error"), Some("cannot serve")));
    let cause = line["cause"].as_str().unwrap();
    assert!(cause.starts_with(&format!("port {port} is already in use on 127.0.0.1")), "{cause}");
}

#[test]
fn an_address_that_this_machine_does_not_have_is_named() {
    let (status, told) = run(&[], &[("HOST", "192.0.2.1")]); // reserved for documentation (RFC 5737)
    assert_eq!(status, Some(1));
    assert!(told.contains("this machine has no address 192.0.2.1"), "{told}");
}

#[test]
fn both_address_families_are_served() {
    TcpListener::bind("[::1]:0").expect("this test needs IPv6 on loopback");
    let process = start(&[("HOST", "::1")]);
    assert!(process.address.is_ipv6());
    assert_eq!(process.get("/hello").status, 200);
    assert_eq!(fields(&process.log("/hello"))["client"], "::1");
    let mut both = start(&[("HOST", "::")]);
    both.address.set_ip([127, 0, 0, 1].into());
    assert_eq!(both.get("/hello").status, 200);
    assert_eq!(fields(&both.log("/hello"))["client"], "127.0.0.1", "mapped addresses are unmapped");
}
