//! What is forwarded in each direction.

use serde_json::json;

use crate::chat;
use crate::fake::{Fake, begin_events, chunk, completion, end, json_answer};
use crate::support::{before, error_of, question, streamed};

#[test]
fn a_request_is_forwarded_with_the_upstreams_key_instead_of_the_clients() {
    let fake = Fake::json(completion("hello"));
    let service = before(
        &fake,
        &[("UPSTREAM_API_KEYS", "sk-upstream-secret"), ("API_KEYS", "site:0123456789abcdefghij")],
    );
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer 0123456789abcdefghij"),
        ("x-hf-bill-to", "another-account"),
        ("cookie", "a=b"),
        ("accept-encoding", "gzip"),
        ("openai-organization", "org-1"),
        ("x-forwarded-for", "1.2.3.4"),
        ("connection", "x-private"),
        ("x-private", "1"),
        ("user-agent", "client/1"),
    ];
    let reply =
        service.request("POST", "/v1/chat/completions?a=b%20c", &headers, &question(json!({})).to_string());
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json(), completion("hello"));
    let seen = fake.next();
    assert_eq!(seen.line(), "POST /v1/chat/completions?a=b%20c HTTP/1.1");
    assert_eq!(seen.header("authorization"), "Bearer sk-upstream-secret");
    assert_eq!(seen.header("user-agent"), "client/1");
    assert_eq!(seen.header("host"), fake.address.to_string());
    assert_eq!(seen.header("accept-encoding"), "identity");
    assert_eq!(seen.json(), question(json!({})));
    for dropped in ["x-hf-bill-to", "cookie", "openai-organization", "x-forwarded-for", "x-private"] {
        assert_eq!(seen.header(dropped), "", "{dropped}");
    }
    assert!(
        service
            .log("usage")
            .contains(r#""caller":"site","model":"org/model","prompt_tokens":3,"completion_tokens":2"#)
    );
    let (_, log) = service.stop();
    assert!(!log.concat().contains("0123456789abcdefghij") && !log.concat().contains("sk-upstream"));
}

#[test]
fn a_body_is_forwarded_byte_for_byte() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[]);
    let odd = "{ \"messages\":[{\"content\":\"\\u00e9 1e400 é\",\"role\":\"user\"}],\n\"seed\":12345678901234567890.50,\"model\":\"org/model\" }";
    assert_eq!(service.request("POST", "/v1/chat/completions", &[], odd).status, 200);
    assert_eq!(fake.next().body, odd);
}

#[test]
fn the_upstreams_request_id_is_forwarded_and_its_cookies_are_not() {
    let fake = Fake::start(|_, stream| {
        let headers =
            "x-request-id: up-7\r\nset-cookie: a=b\r\nserver: x\r\nx-ratelimit-remaining-tokens: 9\r\n";
        json_answer(stream, 200, headers, &completion("hello").to_string())
    });
    let reply = chat(&before(&fake, &[]), &question(json!({})));
    assert_eq!(reply.header("x-upstream-request-id"), "up-7");
    assert_ne!(reply.header("x-request-id"), "up-7");
    assert_eq!((reply.header("set-cookie"), reply.header("x-ratelimit-remaining-tokens")), ("", "9"));
}

#[test]
fn an_error_has_the_upstreams_request_id_too() {
    for status in [200, 400] {
        let fake = Fake::start(move |_, stream| {
            json_answer(stream, status, "x-request-id: up-7\r\n", r#"{"error":{"message":"no","code":400}}"#)
        });
        let reply = chat(&before(&fake, &[]), &question(json!({})));
        assert_eq!((reply.status, reply.header("x-upstream-request-id")), (400, "up-7"));
        assert_ne!(reply.header("x-request-id"), "up-7");
    }
}

#[test]
fn connections_are_reused_and_a_dead_one_is_replaced() {
    // It announces keep-alive and closes the connection after each second request.
    let fake = Fake::start(|seen, stream| {
        json_answer(stream, 200, "connection: keep-alive\r\n", &completion("hello").to_string());
        seen.number % 2 == 0
    });
    let service = before(&fake, &[]);
    for _ in 0..8 {
        assert_eq!(chat(&service, &question(json!({}))).status, 200);
    }
    let connections: Vec<usize> = (0..8).map(|_| fake.next().connection).collect();
    assert_eq!(connections, [0, 0, 1, 1, 2, 2, 3, 3]);
}

#[test]
fn embeddings_are_base64_if_the_client_requests_it() {
    let fake = Fake::json(json!({"object": "list", "data": [{"index": 0, "embedding": [0.5, -1.0]}]}));
    let main = Fake::json(json!({}));
    let service = before(&main, &[("EMBEDDINGS_URL", &fake.url())]);
    let body = json!({"model": "e", "input": "hi", "encoding_format": "base64"}).to_string();
    let reply = service.request("POST", "/v1/embeddings", &[], &body);
    assert_eq!(reply.json()["data"][0]["embedding"], "AAAAPwAAgL8=");
    assert_eq!(fake.next().json()["encoding_format"], "float");
    let body = json!({"model": "e", "input": "hi"}).to_string();
    let reply = service.request("POST", "/v1/embeddings", &[], &body);
    assert_eq!(reply.json()["data"][0]["embedding"], json!([0.5, -1.0]));
    assert_eq!(main.count(), 0);
}

#[test]
fn other_paths_under_v1_are_passed_through() {
    let fake = Fake::start(|seen, stream| match seen.line().split(' ').next() {
        Some("DELETE") => json_answer(stream, 200, "", r#"{"deleted":true}"#),
        _ => json_answer(stream, 201, "x-compute-time: 5\r\n", &json!({"got": seen.body}).to_string()),
    });
    let service = before(&fake, &[]);
    let reply = service.request(
        "POST",
        "/v1/audio/x?q=1",
        &[("content-type", "multipart/form-data; boundary=b")],
        "--b--",
    );
    assert_eq!((reply.status, reply.json()["got"].as_str()), (201, Some("--b--")));
    assert_eq!(reply.header("x-compute-time"), "5");
    let seen = fake.next();
    assert_eq!(
        (seen.line(), seen.header("content-type")),
        ("POST /v1/audio/x?q=1 HTTP/1.1", "multipart/form-data; boundary=b")
    );
    assert_eq!(service.request("DELETE", "/v1/responses/r_1", &[], "").json()["deleted"], true);
    assert_eq!(fake.next().line(), "DELETE /v1/responses/r_1 HTTP/1.1");
    assert_eq!(error_of(&service.get("/v1/a/../../admin")), (400, "invalid_path".to_owned()));
    for odd in ["/v1/chat/completions/", "/v1/chat//completions"] {
        let reply = service.request("POST", odd, &[], &streamed().to_string());
        assert_eq!(error_of(&reply), (404, "unknown_url".to_owned()));
        assert!(reply.text().contains("/v1/chat/completions\""), "{}", reply.text());
    }
    assert_eq!(error_of(&service.request("PUT", "/v1/x", &[], "")), (405, "method_not_allowed".to_owned()));
    assert_eq!(error_of(&service.request("POST", "/v1", &[], "{}")), (404, "unknown_url".to_owned()));
    assert_eq!(fake.count(), 2);
}

#[test]
fn an_invalid_request_is_rejected_before_the_upstream() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[]);
    for (body, code) in [
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ("{\"model\":1}", "invalid_value"),
        ("{\"stream\":1}", "invalid_value"),
    ] {
        let reply = service.request("POST", "/v1/chat/completions", &[], body);
        assert_eq!(error_of(&reply), (400, code.to_owned()), "{body}");
    }
    assert_eq!(fake.count(), 0);
}

#[test]
fn a_key_in_an_upstreams_error_is_hidden_from_the_client() {
    let fake = Fake::start(|seen, stream| {
        let key = seen.header("authorization").strip_prefix("Bearer ").unwrap().to_owned();
        let error = json!({"message": format!("Incorrect API key provided: {key}."), "param": key});
        if seen.body.contains("stream") {
            begin_events(stream);
            if seen.body.contains("in the middle") {
                let word = json!({"choices": [{"index": 0, "delta": {"content": "word"}}]});
                chunk(stream, format!("data: {word}\n\n"));
            }
            chunk(stream, format!("data: {}\n\n", json!({"error": error})));
            return end(stream);
        }
        json_answer(stream, 401, "", &json!({"error": error}).to_string())
    });
    let service = before(&fake, &[("UPSTREAM_API_KEYS", "sk-upstream-secret"), ("ACCESS", "open")]);
    let later = question(json!({"stream": true, "user": "in the middle"}));
    for body in [question(json!({})), streamed(), later] {
        let reply = chat(&service, &body);
        let (all, text) = (format!("{reply:?} {}", reply.text()), reply.text());
        assert!(text.contains("Incorrect API key provided: ***.") && !all.contains("sk-upstream"), "{all}");
    }
    let (_, log) = service.stop();
    assert!(!log.concat().contains("sk-upstream"), "{log:?}");
}

#[test]
fn a_404_for_an_unusual_base_url_is_logged_with_a_hint() {
    let fake = Fake::start(|_, stream| json_answer(stream, 404, "", r#"{"detail":"Not Found"}"#));
    let url = format!("http://{}", fake.address);
    let service = crate::start(&[("UPSTREAM_URL", &url)]);
    assert_eq!(error_of(&chat(&service, &question(json!({})))), (404, "unknown_url".to_owned()));
    let hint = format!("{url}/chat/completions answered 404 Not Found; base URLs usually end in /v1");
    assert!(service.log("\"status\":404").contains(&hint));
    let service = before(&fake, &[]);
    chat(&service, &question(json!({})));
    assert!(!service.log("\"status\":404").contains("usually"), "this base URL ends in /v1");
}
