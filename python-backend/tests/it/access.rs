//! Which callers may use the gateway.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use space_kit::jwt::testing::Signer;
use space_kit::testing::{Process, Reply};

use crate::failover::rejecting;
use crate::fake::{Fake, completion, json_answer};
use crate::support::{before, error_of, question};
use crate::{chat, start};

fn ask(service: &Process, header: (&str, &str)) -> Reply {
    service.request("POST", "/v1/chat/completions", &[header], &question(json!({})).to_string())
}

#[test]
fn with_an_upstream_token_and_no_rule_only_the_demo_model_is_served() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[("UPSTREAM_API_KEYS", "sk-upstream"), ("SPACE_ID", "me/app")]);
    for reply in [
        chat(&service, &question(json!({}))),
        service.request("POST", "/v1/embeddings", &[], r#"{"model":"demo"}"#),
        service.request("POST", "/v1/responses", &[], r#"{"model":"m"}"#),
        service.get("/v1/models/org/model"),
    ] {
        assert_eq!(error_of(&reply), (401, "access_not_configured".to_owned()));
        let message = reply.text();
        for choice in ["ACCESS=open", "API_KEYS", "JWT_ISSUER"] {
            assert!(message.contains(choice), "{message}");
        }
    }
    assert_eq!(chat(&service, &question(json!({"model": "demo"}))).status, 200);
    for (model, status) in [("demo", 200), ("org/model", 401)] {
        let body = question(json!({"model": model})).to_string();
        let reply = service.request("POST", "/v1/messages/count_tokens?beta=true", &[], &body);
        assert_eq!(reply.status, status, "{}", reply.text());
    }
    assert_eq!(service.get("/v1/models").json()["data"].as_array().unwrap().len(), 1);
    assert_eq!(fake.count(), 0);
}

#[test]
fn open_access_is_a_rule_and_has_a_rate_limit() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[("UPSTREAM_API_KEYS", "sk-upstream"), ("ACCESS", "open")]);
    let reply = ask(&service, ("authorization", "Bearer anything"));
    assert_eq!((reply.status, reply.header("x-ratelimit-limit-requests")), (200, "20"));
}

#[test]
fn a_key_is_accepted_in_either_header_and_nothing_else_is() {
    let fake = Fake::json(completion("hello"));
    let key = "a-key-of-enough-length";
    let service = before(&fake, &[("API_KEYS", &format!("site:{key}"))]);
    assert_eq!(ask(&service, ("authorization", &format!("Bearer {key}"))).status, 200);
    assert_eq!(ask(&service, ("x-api-key", key)).status, 200);
    for wrong in
        [("authorization", "Bearer a-key-of-enough-lengt"), ("x-api-key", ""), ("authorization", key)]
    {
        let reply = ask(&service, wrong);
        assert_eq!(error_of(&reply), (401, "invalid_api_key".to_owned()));
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    let with_label = ask(&service, ("authorization", &format!("Bearer site:{key}")));
    assert_eq!(error_of(&with_label), (401, "invalid_api_key".to_owned()));
    assert!(
        with_label.text().contains("send only the key: the part after the label and the colon in API_KEYS"),
        "{}",
        with_label.text()
    );
    assert_eq!(service.get("/v1/models").status, 401);
    assert_eq!(service.get("/").status, 200);
    assert_eq!(fake.count(), 2);
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// An issuer that serves its own documents.
fn issuer(jwks: Value) -> Fake {
    Fake::start(move |seen, stream| match seen.line().split(' ').nth(1) {
        Some("/.well-known/openid-configuration") => {
            let issuer = format!("http://{}", seen.header("host"));
            let body = json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")});
            json_answer(stream, 200, "", &body.to_string())
        }
        _ => json_answer(stream, 200, "", &jwks.to_string()),
    })
}

#[test]
fn a_token_of_the_issuer_is_accepted_if_its_holder_is_allowed() {
    let (signer, fake) = (Signer::ed25519(), Fake::json(completion("hello")));
    let provider = issuer(json!({"keys": [signer.jwk("k1")]}));
    let url = format!("http://{}", provider.address);
    let env = [("JWT_ISSUER", url.as_str()), ("JWT_AUDIENCE", "app"), ("JWT_ALLOW", "sub:ann")];
    let service = before(&fake, &env);
    let token = |sub: &str, aud: &str, age: u64| {
        let claims =
            json!({"iss": url, "aud": aud, "sub": sub, "iat": now() - age, "exp": now() - age + 600});
        format!("Bearer {}", signer.token("k1", &claims))
    };
    for (sub, aud, age, outcome) in [
        ("ann", "app", 0, None),
        ("ann", "app", 0, None),
        ("bob", "app", 0, Some((403, "access_denied"))),
        ("ann", "other", 0, Some((401, "invalid_api_key"))),
        ("ann", "app", 900, Some((401, "invalid_api_key"))),
    ] {
        let reply = ask(&service, ("authorization", &token(sub, aud, age)));
        match outcome {
            None => assert_eq!(reply.status, 200, "{}", reply.text()),
            Some((status, code)) => {
                assert_eq!(error_of(&reply), (status, code.to_owned()), "{sub} {aud} {age}")
            }
        }
    }
    assert_eq!(provider.count(), 2, "the metadata and the keys, once each");
    assert!(service.log("usage").contains(r#""caller":"ann""#));
}

#[test]
fn a_user_of_nodejs_backends_dev_sign_in_is_accepted() {
    let (signer, fake) = (Signer::ed25519(), Fake::json(completion("hello")));
    let keys = json!({"keys": [signer.jwk("k1")]});
    let provider = Fake::start(move |seen, stream| match seen.line() {
        "GET /api/auth/jwks HTTP/1.1" => json_answer(stream, 200, "", &keys.to_string()),
        other => panic!("{other}"),
    });
    let (url, issuer) = (format!("http://{}", provider.address), format!("dev:http://{}", provider.address));
    let env = [("JWT_ISSUER", issuer.as_str()), ("JWT_AUDIENCE", &url), ("JWT_ALLOW", "sub:ann")];
    let service = before(&fake, &env);
    let claims = json!({"iss": issuer, "aud": url, "sub": "ann", "iat": now(), "exp": now() + 60});
    let token = format!("Bearer {}", signer.token("k1", &claims));
    assert_eq!(ask(&service, ("authorization", &token)).status, 200);
}

/// What `check` prints.
fn log_of_check(set: &[(&str, &str)]) -> String {
    let mut check = Process::command(env!("CARGO_BIN_EXE_python-backend"), set);
    check.arg("check");
    let output = Process::run(check);
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{log}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_upstream_token_without_a_rule_is_warned_about() {
    let log = log_of_check(&[("HF_TOKEN", "hf_secret")]);
    assert!(log.contains("access is not configured, so only the demo model is served: set ACCESS"), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[test]
fn a_space_without_a_token_is_told_where_to_add_it() {
    let log = log_of_check(&[("SPACE_ID", "me/app")]);
    assert!(
        log.contains("HF_TOKEN is not set, so only the demo model answers: add it under Settings"),
        "{log}"
    );
    let log = log_of_check(&[("UPSTREAM_URL", "http://127.0.0.1:9/v1")]);
    assert!(!log.contains("only the demo model answers"), "{log}");
    let log = log_of_check(&[("UPSTREAM_URL", "https://router.huggingface.co/v1")]);
    assert!(log.contains("HF_TOKEN is not set, but an upstream is Hugging Face"), "{log}");
}

#[test]
fn nothing_is_missing_where_callers_pay() {
    let issuer = ("JWT_ISSUER", "https://sign-in.example");
    let secret = ("GATEWAY_SECRET", "q8Zt0pXk3LwV5mNc7RbYd1HsGf9JaEuT2iKoQxWz4vA=");
    let audience = ("JWT_AUDIENCE", "https://sign-in.example");
    for set in
        [&[("ACCESS", "hf_token")][..], &[("PAYER", "caller"), issuer, audience, ("JWT_ALLOW", "*"), secret]]
    {
        let log = log_of_check(set);
        assert!(log.contains("payer at Hugging Face") && !log.contains("HF_TOKEN is not set"), "{log}");
    }
}

#[test]
fn health_says_why_the_service_is_degraded() {
    let reasons = |service: &Process| service.get("/health").json()["reasons"].to_string();
    let demo = start(&[]);
    assert!(reasons(&demo).contains("only the demo model answers"), "{}", reasons(&demo));
    assert!(demo.log("HF_TOKEN").contains("only the demo model answers"));
    let fake = rejecting(500, "", r#"{"error":"no"}"#);
    let service = before(&fake, &[("UPSTREAM_TRIES", "1")]);
    assert_eq!(reasons(&service), "null");
    (0..5).for_each(|_| assert_eq!(chat(&service, &question(json!({}))).status, 500));
    let health = service.get("/health");
    assert_eq!((health.status, health.json()["status"].as_str()), (200, Some("degraded")));
    assert!(reasons(&service).contains("circuit breaker is open"), "{}", reasons(&service));
    assert!(!health.text().contains("127.0.0.1"), "the address of an upstream is not for everyone");
}

#[test]
fn names_of_other_programs_are_reported_with_ours() {
    let log = log_of_check(&[("OPENAI_BASE_URL", "x"), ("HUGGING_FACE_HUB_TOKEN", "x"), ("HF_TOKE", "x")]);
    for line in [
        "OPENAI_BASE_URL is unknown; did you mean UPSTREAM_URL?",
        "HUGGING_FACE_HUB_TOKEN is unknown; did you mean HF_TOKEN?",
        "HF_TOKE is unknown; did you mean HF_TOKEN?",
    ] {
        assert!(log.contains(line), "{log}");
    }
}

#[test]
fn the_line_of_a_failed_request_says_whose_it_was() {
    let fake = Fake::json(completion("hello"));
    let key = "a-secret-of-enough-length";
    let service = before(&fake, &[("API_KEYS", &format!("batch:{key}")), ("RATE_LIMIT", "2/h")]);
    let ask = |body: &str| {
        let headers =
            [("authorization", format!("Bearer {key}")), ("content-type", "application/json".into())];
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        service.request("POST", "/v1/chat/completions", &headers, body).status
    };
    for (body, status) in [("{", 400), ("{}", 400), ("{}", 429)] {
        assert_eq!(ask(body), status);
        let line = service.log(&format!("\"status\":{status}"));
        assert!(line.contains(r#""caller":"batch""#) && line.contains(r#""level":"info""#), "{line}");
        assert!(!line.contains(key), "{line}");
    }
}

#[test]
fn an_upstream_without_a_path_is_told() {
    let told = |url| log_of_check(&[("UPSTREAM_URL", url)]);
    let line = "UPSTREAM_URL: http://127.0.0.1:9 has no path, but a base URL usually ends in /v1";
    assert!(told("http://127.0.0.1:9/").contains(line), "{}", told("http://127.0.0.1:9/"));
    assert!(!told("http://127.0.0.1:9/v1").contains("has no path"));
}

#[test]
fn hugging_face_is_the_issuer_of_a_space_with_oauth() {
    let signer = Signer::rsa();
    let provider = issuer(json!({"keys": [signer.jwk("k1")]}));
    let (url, fake) = (format!("http://{}", provider.address), Fake::json(completion("hello")));
    let env = [
        ("ACCESS", "jwt"),
        ("OPENID_PROVIDER_URL", url.as_str()),
        ("OAUTH_CLIENT_ID", "space-client"),
        ("JWT_ALLOW", "org:lab"),
    ];
    let claims = json!({"iss": url, "aud": "space-client", "sub": "u1", "iat": now(), "exp": now() + 60,
                        "orgs": [{"sub": "o1", "preferred_username": "lab"}]});
    let service = before(&fake, &env);
    assert_eq!(
        ask(&service, ("authorization", &format!("Bearer {}", signer.token("k1", &claims)))).status,
        200
    );
}

#[test]
fn an_unreachable_issuer_is_a_502() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{unused}");
    let service = start(&[("JWT_ISSUER", &url), ("JWT_AUDIENCE", "app"), ("JWT_ALLOW", "*")]);
    let token = Signer::ed25519()
        .token("k", &json!({"iss": url, "aud": "app", "sub": "a", "iat": now(), "exp": now() + 9}));
    let reply = ask(&service, ("authorization", &format!("Bearer {token}")));
    assert_eq!(error_of(&reply), (502, "jwks_unavailable".to_owned()));
    assert_ne!(reply.header("retry-after"), "");
}

#[test]
fn contradictory_settings_are_reported_together_without_secrets() {
    let program = env!("CARGO_BIN_EXE_python-backend");
    let env = [
        ("ACCESS", "jwt"),
        ("UPSTREAM_URL", "ftp://nowhere"),
        ("API_KEYS", "site:a-secret-of-enough-length"),
        ("UPSTREAM_API_KEYS", "sk-secret"),
        ("BODY_MEMORY", "1"),
        ("DEFAULT_MODEL", "x"),
        ("MODELS", "y"),
        ("SSL_CERT_FILE", "/nowhere"),
    ];
    let output = Process::run(Process::command(program, &env));
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{log}");
    for name in ["UPSTREAM_URL", "API_KEYS", "BODY_MEMORY", "DEFAULT_MODEL", "SSL_CERT_FILE", "JWT_ALLOW"] {
        assert!(log.contains(&format!("  {name}: ")), "{name} is missing in\n{log}");
    }
    assert!(!log.contains("secret"), "{log}");
}
