//! Which headers reach the upstream and the client, and requests that the gateway cannot forward.

use serde_json::json;

use crate::fake::{Fake, completion, json_answer};
use crate::support::{before, error_of, question, streamed};

const CHAT: &str = "/v1/chat/completions";

#[test]
fn headers_that_an_upstream_may_need_are_forwarded() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[("UPSTREAM_API_KEYS", "sk-upstream-secret"), ("ACCESS", "open")]);
    let wanted = [
        "http-referer",
        "x-title",
        "x-session-affinity",
        "x-opencode-session",
        "x-opencode-project",
        "session-id",
        "session_id",
        "thread-id",
        "x-codex-turn-state",
        "originator",
        "accept-language",
        "baggage",
        "idempotency-key",
        "anthropic-beta",
    ];
    let dropped = [
        "cookie",
        "x-a-header-of-tomorrow",
        "x-amzn-oidc-data",
        "dpop",
        "x-session-id",
        "x-client-cert",
        "x-organization-id",
        "x-billing-account",
        "x-azure-clientip",
        "content-digest",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-hf-authorization",
        "x-auth-request-access-token",
        "cf-access-jwt-assertion",
        "x-amz-security-token",
        "x-ms-client-principal",
        "x-forwarded-for",
        "x-real-ip",
        "x-hf-bill-to",
        "openai-organization",
        "openai-project",
        "chatgpt-account-id",
        "referer",
        "origin",
        "x-original-url",
        "x-remote-user",
        "x-apikey",
        "x_api_key",
        "sec-fetch-mode",
        "x-stainless-os",
        "x-csrf-token",
        "x-http-method-override",
    ];
    let sent: Vec<(&str, &str)> =
        wanted.iter().chain(&dropped).chain(&["accept-encoding"]).map(|name| (*name, "v")).collect();
    assert_eq!(service.request("POST", CHAT, &sent, &question(json!({})).to_string()).status, 200);
    assert_eq!(service.request("POST", "/v1/responses", &sent, r#"{"model":"m"}"#).status, 200);
    for _ in 0..2 {
        let seen = fake.next();
        for name in wanted {
            assert_eq!(seen.header(name), "v", "{name}");
        }
        for name in dropped {
            assert_eq!(seen.header(name), "", "{name}");
        }
        assert_eq!(seen.header("accept-encoding"), "identity", "the gateway reads the response");
    }
}

const BACK: &str = "x-codex-turn-state: a\r\nx-generation-id: a\r\netag: a\r\nx-ratelimit-remaining-tokens: a\r\n\
    anthropic-ratelimit-requests-remaining: a\r\nrequest-id: a\r\nx-should-retry: a\r\nx-request-id: a\r\n\
    openai-version: a\r\nset-cookie: a\r\nserver: a\r\nopenai-organization: a\r\nlocation: a\r\n\
    anthropic-organization-id: a\r\nx-sendfile: a\r\ncontent-digest: a\r\nstrict-transport-security: a\r\naccess-control-allow-methods: a\r\nx-upstream-request-id: forged\r\n";
const KEPT: [&str; 8] = [
    "x-codex-turn-state",
    "x-generation-id",
    "x-ratelimit-remaining-tokens",
    "anthropic-ratelimit-requests-remaining",
    "request-id",
    "x-should-retry",
    "x-upstream-request-id",
    "openai-version",
];
const LOST: [&str; 9] = [
    "anthropic-organization-id",
    "x-sendfile",
    "content-digest",
    "set-cookie",
    "server",
    "openai-organization",
    "location",
    "strict-transport-security",
    "access-control-allow-methods",
];

#[test]
fn headers_that_a_client_may_need_come_back_with_responses_and_errors() {
    for status in [200, 206, 400, 429, 503] {
        let fake = Fake::start(move |_, stream| {
            let advice = if status >= 400 {
                "retry-after: 90\r\nretry-after-ms: 1500\r\ncontent-language: en\r\n"
            } else {
                ""
            };
            let body = match status {
                200 | 206 => completion("hello"),
                _ => json!({"error": {"message": "no", "type": "x"}}),
            };
            json_answer(stream, status, &format!("{BACK}{advice}"), &body.to_string())
        });
        let service = before(&fake, &[("UPSTREAM_TIMEOUT", "2s"), ("RATE_LIMIT", "100/min")]);
        for (path, body) in [(CHAT, question(json!({}))), ("/v1/messages", json!({"model": "m"}))] {
            let reply = service.request("POST", path, &[], &body.to_string());
            assert_eq!(reply.status >= 400, status >= 400, "{}", reply.text());
            for name in KEPT {
                assert_eq!(reply.header(name), "a", "{status} {path} {name}");
            }
            for name in LOST {
                assert_ne!(reply.header(name), "a", "{status} {path} {name}");
            }
            assert!(!["", "a"].contains(&reply.header("x-request-id")), "the gateway's own id is there too");
            assert_eq!(
                reply.header("etag"),
                if status < 400 { "a" } else { "" },
                "an error is another entity"
            );
            if status == 429 {
                assert_eq!((reply.header("retry-after"), reply.header("retry-after-ms")), ("2", "1500"));
                assert_eq!(reply.header("content-language"), "");
            }
        }
    }
}

#[test]
fn an_error_in_an_event_keeps_the_upstreams_headers() {
    let fake = Fake::start(|_, stream| {
        let event = "data: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\n";
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-ratelimit-remaining-tokens: 0\r\n";
        crate::fake::write(stream, format!("{head}content-length: {}\r\n\r\n{event}", event.len()));
        true
    });
    let service = before(&fake, &[("UPSTREAM_TIMEOUT", "2s")]);
    let reply = service.request("POST", CHAT, &[], &streamed().to_string());
    assert_eq!((reply.status, reply.header("x-ratelimit-remaining-tokens")), (429, "0"));
}

#[test]
fn a_compressed_request_is_rejected_on_every_path() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[]);
    for path in [CHAT, "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages", "/v1/audio/x"] {
        for coding in ["gzip", "br", "identity, zstd"] {
            let reply = service.request("POST", path, &[("content-encoding", coding)], "\u{1f}x");
            assert_eq!(reply.status, 415, "{path} {coding}");
            if path != "/v1/messages" {
                assert_eq!(error_of(&reply).1, "unsupported_media_type", "{path} {coding}"); // Anthropic's form has no code
            }
            assert!(reply.text().contains("compressed"), "{}", reply.text());
        }
    }
    assert_eq!(fake.count(), 0);
    let identity = [("content-encoding", "Identity")];
    assert_eq!(service.request("POST", CHAT, &identity, &question(json!({})).to_string()).status, 200);
    let demo = crate::start(&[]).request("POST", CHAT, &[("content-encoding", "gzip")], "x");
    assert_eq!(error_of(&demo).0, 415, "the demo model reads bodies too");
}

#[test]
fn a_websocket_is_rejected_with_the_reason_on_every_path() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[]);
    for path in ["/v1/realtime?model=m", "/v1/responses", "/v1/models", "/v1/models/m"] {
        let upgrade = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-version", "13"),
        ];
        let reply = service.request("GET", path, &upgrade, "");
        assert_eq!(error_of(&reply), (426, "websocket_not_supported".to_owned()), "{path}");
    }
    assert_eq!(fake.count(), 0);
    let h2c = [("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c")];
    assert_eq!(service.request("GET", "/v1/files", &h2c, "").status, 200, "another upgrade may be ignored");
}

#[test]
fn the_operator_may_add_headers_that_carry_no_credential() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[("FORWARD_HEADERS", "X-Tenant, openai-project")]);
    let headers = [("x-tenant", "a"), ("openai-project", "b"), ("x-other", "c")];
    let reply = service.request("POST", CHAT, &headers, &question(json!({})).to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    let seen = fake.next();
    assert_eq!(["x-tenant", "openai-project", "x-other"].map(|name| seen.header(name)), ["a", "b", ""]);
    for denied in [
        "authorization",
        "x-api-key",
        "X-Goog-Api-Key",
        "cookie",
        "x-forwarded-for",
        "x-hf-bill-to",
        "host",
        "content-length",
        "a b",
        "",
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_python-backend"));
        command.arg("check").env_clear().env("FORWARD_HEADERS", format!("x-tenant,{denied}"));
        let output = space_kit::testing::Process::run(command);
        assert_eq!(output.status.code(), Some(64), "{denied}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("FORWARD_HEADERS: "), "{denied}");
    }
}
