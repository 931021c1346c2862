use serde_json::{Value, json};

use crate::chat;
use crate::fake::{Fake, GOOD, begin_events, chunk, completion, end, json_answer};
use crate::support::{assert_clean, before, events, question, refusal, streamed};

#[test]
fn a_request_travels_without_the_clients_credentials_and_with_ours() {
    let fake = Fake::json(completion("hello"));
    let service = before(
        &fake,
        &[("UPSTREAM_API_KEYS", "sk-upstream-secret"), ("API_KEYS", "site:0123456789abcdefghij")],
    );
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer 0123456789abcdefghij"),
        ("x-hf-bill-to", "somebody-else"),
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
    assert_eq!(seen.json(), question(json!({})));
    for gone in
        ["x-hf-bill-to", "cookie", "accept-encoding", "openai-organization", "x-forwarded-for", "x-private"]
    {
        assert_eq!(seen.header(gone), "", "{gone}");
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
fn a_body_is_passed_on_byte_for_byte() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[]);
    let odd = "{ \"messages\":[{\"content\":\"\\u00e9 1e400 é\",\"role\":\"user\"}],\n\"seed\":12345678901234567890.50,\"model\":\"org/model\" }";
    assert_eq!(service.request("POST", "/v1/chat/completions", &[], odd).status, 200);
    assert_eq!(fake.next().body, odd);
}

#[test]
fn the_upstreams_request_id_stands_beside_ours_and_its_cookies_stay_away() {
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
fn connections_are_kept_and_a_dead_one_is_replaced_without_a_word() {
    // Says that it keeps the connection, and closes it after each second request.
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
fn usage_is_asked_for_behind_the_clients_back_and_kept_from_it() {
    let fake = Fake::events(GOOD);
    let service = before(&fake, &[]);
    let reply = chat(&service, &streamed());
    assert_clean(&reply, "hello");
    assert_eq!(events(&reply).len(), 3, "{}", reply.text());
    assert_eq!(fake.next().json()["stream_options"], json!({"include_usage": true}));
    assert!(service.log("usage").contains(r#""prompt_tokens":3,"completion_tokens":1"#));
    let asked = question(json!({"stream": true, "stream_options": {"include_usage": true}}));
    let reply = chat(&service, &asked);
    assert_eq!(events(&reply).len(), 4);
    let usage: Value = serde_json::from_str(&events(&reply)[2]).unwrap();
    assert_eq!(usage["usage"]["total_tokens"], 4);
    assert_eq!(fake.next().json(), asked);
}

#[test]
fn usage_is_counted_from_chunks_where_the_upstream_tells_none() {
    let fake = Fake::events(&[crate::fake::HELLO, crate::fake::HELLO, crate::fake::STOP]);
    let service = before(&fake, &[]);
    assert_clean(&chat(&service, &streamed()), "hellohello");
    assert!(service.log("usage").contains(r#""completion_tokens":2"#));
    let metrics = service.get("/metrics").text();
    let row = r#"gateway_tokens_total{caller="anonymous",model="org/model",kind="completion"} 2"#;
    assert!(metrics.contains(row), "{metrics}");
    assert!(metrics.contains(r#"outcome="answered"} 1"#), "{metrics}");
}

#[test]
fn models_have_aliases_an_allow_list_and_a_default() {
    let fake = Fake::json(completion("hello"));
    let service = before(
        &fake,
        &[("MODELS", "org/model"), ("MODEL_ALIASES", "fast=org/small:groq"), ("DEFAULT_MODEL", "fast")],
    );
    for (asked, sent) in
        [("org/model", "org/model"), ("fast", "org/small:groq"), ("org/model:x", "org/model:x")]
    {
        assert_eq!(chat(&service, &question(json!({"model": asked}))).status, 200, "{asked}");
        assert_eq!(fake.next().json()["model"], sent);
    }
    let mut nameless = question(json!({}));
    nameless.as_object_mut().unwrap().remove("model");
    assert_eq!(chat(&service, &nameless).status, 200);
    assert_eq!(fake.next().json()["model"], "org/small:groq");
    let reply = chat(&service, &question(json!({"model": "org/other"})));
    assert_eq!(refusal(&reply), (404, "model_not_found".to_owned()));
    let reply = service.request("POST", "/v1/responses", &[], r#"{"model":"org/other","input":"hi"}"#);
    assert_eq!(refusal(&reply), (404, "model_not_found".to_owned()));
    let reply = service.request("POST", "/v1/audio/transcriptions", &[], "--form--");
    assert_eq!(refusal(&reply), (415, "unsupported_media_type".to_owned()));
    let listed = service.get("/v1/models").json();
    let ids: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["fast", "org/model", "demo"]);
    assert_eq!(service.get("/v1/models/org/model").status, 200);
    assert_eq!(service.get("/v1/models/org/other").status, 404);
    assert_eq!(fake.count(), 4);
}

#[test]
fn the_upstreams_models_are_listed_with_ours() {
    let fake = Fake::json(json!({"object": "list", "data": [{"id": "org/big", "pricing": {"input": 0.1}}]}));
    let service = before(&fake, &[("MODEL_ALIASES", "fast=org/big")]);
    let listed = service.get("/v1/models").json();
    let ids: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|m| m["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["fast", "demo", "org/big"]);
    assert_eq!(listed["data"][2]["pricing"]["input"], 0.1);
    assert_eq!(fake.next().line(), "GET /v1/models HTTP/1.1");
}

#[test]
fn embeddings_come_as_base64_where_the_client_asks_for_it() {
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
fn whatever_else_is_under_v1_passes_both_ways() {
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
    assert_eq!(refusal(&service.get("/v1/a/../../admin")), (400, "invalid_path".to_owned()));
    assert_eq!(refusal(&service.request("PUT", "/v1/x", &[], "")), (405, "method_not_allowed".to_owned()));
    assert_eq!(refusal(&service.request("POST", "/v1", &[], "{}")), (404, "unknown_url".to_owned()));
    assert_eq!(fake.count(), 2);
}

#[test]
fn a_wrong_request_is_refused_before_the_upstream() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[]);
    for (body, code) in [
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ("{\"model\":1}", "invalid_value"),
        ("{\"stream\":1}", "invalid_value"),
    ] {
        let reply = service.request("POST", "/v1/chat/completions", &[], body);
        assert_eq!(refusal(&reply), (400, code.to_owned()), "{body}");
    }
    assert_eq!(fake.count(), 0);
}

#[test]
fn an_alias_leads_to_the_upstream_whatever_its_model_is_called() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[("MODEL_ALIASES", "theirs=demo")]);
    assert_eq!(chat(&service, &question(json!({"model": "theirs"}))).json(), completion("hello"));
    assert_eq!(fake.next().json()["model"], "demo");
}

#[test]
fn the_demo_model_is_there_beside_the_upstreams() {
    let fake = Fake::json(completion("hello"));
    let service = before(&fake, &[]);
    let reply = chat(&service, &question(json!({"model": "demo"})));
    assert!(reply.text().contains("This is the demo model"));
    assert_eq!(fake.count(), 0);
    assert!(service.log("\"usage\"").contains(r#""model":"demo","prompt_tokens":1,"#));
}

#[test]
fn what_was_not_answered_is_not_counted() {
    let fake = Fake::start(|seen, stream| match seen.line().contains("/models/") {
        true => json_answer(stream, 200, "", "{}"),
        false => json_answer(stream, 400, "", r#"{"error":"no"}"#),
    });
    let service = before(&fake, &[]);
    for body in [question(json!({})), streamed()] {
        assert_eq!(chat(&service, &body).status, 400);
    }
    assert_eq!(service.request("POST", "/v1/responses", &[], r#"{"model":"m"}"#).status, 400);
    assert_eq!(service.get("/v1/models/org/model").status, 200);
    let metrics = service.get("/metrics").text();
    assert!(!metrics.contains("caller="), "{metrics}");
    let (_, log) = service.stop();
    assert!(!log.concat().contains("\"usage\""), "{log:?}");
}

#[test]
fn the_tokens_of_responses_and_messages_are_counted() {
    const USAGE: &str = r#""usage":{"input_tokens":11,"output_tokens":22}"#;
    let fake = Fake::start(|seen, stream| {
        if !seen.body.contains("stream") {
            return json_answer(stream, 200, "", &format!("{{\"id\":\"r\",{USAGE}}}"));
        }
        begin_events(stream);
        match seen.line().contains("/messages") {
            true => {
                chunk(
                    stream,
                    "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7}}}\n\n",
                );
                chunk(stream, "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":9}}\n\n");
                chunk(stream, "data: {\"type\":\"message_stop\"}\n\n");
            }
            false => chunk(
                stream,
                format!("data: {{\"type\":\"response.completed\",\"response\":{{{USAGE}}}}}\n\n"),
            ),
        }
        end(stream)
    });
    let service = before(&fake, &[]);
    for (path, body, counts) in [
        ("/v1/responses", r#"{"model":"a"}"#, (11, 22)),
        ("/v1/responses", r#"{"model":"b","stream":true}"#, (11, 22)),
        ("/v1/messages", r#"{"model":"c"}"#, (11, 22)),
        ("/v1/messages", r#"{"model":"d","stream":true}"#, (7, 9)),
    ] {
        let reply = service.request("POST", path, &[], body);
        assert_eq!((reply.status, reply.whole), (200, true));
        let told = format!(r#""prompt_tokens":{},"completion_tokens":{}"#, counts.0, counts.1);
        let line = service.log("\"usage\"");
        assert!(line.contains(&told), "{path} {body}: {line}");
    }
}

#[test]
fn an_upstream_that_repeats_our_key_does_not_show_it_to_the_client() {
    let fake = Fake::start(|seen, stream| {
        let key = seen.header("authorization").strip_prefix("Bearer ").unwrap().to_owned();
        let error = json!({"message": format!("Incorrect API key provided: {key}."), "param": key});
        if seen.body.contains("stream") {
            begin_events(stream);
            chunk(stream, format!("data: {}\n\n", json!({"error": error})));
            return end(stream);
        }
        json_answer(stream, 401, "", &json!({"error": error}).to_string())
    });
    let service = before(&fake, &[("UPSTREAM_API_KEYS", "sk-upstream-secret"), ("ACCESS", "open")]);
    for body in [question(json!({})), streamed()] {
        let reply = chat(&service, &body);
        let (all, told) = (format!("{reply:?} {}", reply.text()), reply.text());
        assert!(told.contains("Incorrect API key provided: ***.") && !all.contains("sk-upstream"), "{all}");
    }
    let (_, log) = service.stop();
    assert!(!log.concat().contains("sk-upstream"), "{log:?}");
}

#[test]
fn where_models_are_limited_each_request_names_one() {
    let fake = Fake::json(json!({}));
    let limited = before(&fake, &[("MODELS", "org/model")]);
    let reply = limited.request("POST", "/v1/responses", &[], r#"{"input":"x"}"#);
    assert_eq!(refusal(&reply), (400, "invalid_value".to_owned()));
    assert_eq!(reply.json()["error"]["param"], "model");
    assert_eq!(limited.request("DELETE", "/v1/responses/r_1", &[], "").status, 200, "it asks no model");
    assert_eq!(before(&fake, &[]).request("POST", "/v1/responses", &[], r#"{"input":"x"}"#).status, 200);
    assert_eq!(fake.count(), 2);
}

#[test]
fn the_demo_model_can_be_the_default() {
    let fake = Fake::json(completion("hello"));
    let nameless = json!({"messages": [{"role": "user", "content": "hi"}]});
    for more in [&[][..], &[("UPSTREAM_API_KEYS", "sk-upstream")]] {
        let service = before(&fake, &[&[("DEFAULT_MODEL", "demo")], more].concat());
        let reply = chat(&service, &nameless);
        assert!(reply.text().contains("This is the demo model"), "{}", reply.text());
    }
    assert_eq!(fake.count(), 0);
}

#[test]
fn an_upstream_without_a_list_of_models_leaves_ours_and_one_is_waited_for_in_a_slot() {
    let fake = Fake::start(|_, stream| json_answer(stream, 404, "", r#"{"detail":"Not Found"}"#));
    let service = before(&fake, &[("MODEL_ALIASES", "fast=org/big")]);
    let reply = service.get("/v1/models");
    let ids: Vec<_> = reply.json()["data"].as_array().unwrap().iter().map(|m| m["id"].clone()).collect();
    assert_eq!((reply.status, ids), (200, vec![json!("fast"), json!("demo")]));
    let silent = Fake::start(|_, stream| crate::fake::until_closed(stream));
    let env = [("MAX_CONCURRENT", "1"), ("QUEUE_LENGTH", "0")];
    let service = before(&silent, &env);
    let _first = space_kit::testing::send(service.address, "GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n");
    silent.next();
    assert_eq!(refusal(&service.get("/v1/models")), (429, "overloaded".to_owned()));
}

#[test]
fn an_address_that_leads_nowhere_is_logged_with_what_it_usually_ends_in() {
    let fake = Fake::start(|_, stream| json_answer(stream, 404, "", r#"{"detail":"Not Found"}"#));
    let url = format!("http://{}", fake.address);
    let service = crate::start(&[("UPSTREAM_URL", &url)]);
    assert_eq!(refusal(&chat(&service, &question(json!({})))), (404, "unknown_url".to_owned()));
    let told = format!("{url}/chat/completions answered 404 Not Found; base addresses usually end in /v1");
    assert!(service.log("\"status\":404").contains(&told));
    let service = before(&fake, &[]);
    chat(&service, &question(json!({})));
    assert!(!service.log("\"status\":404").contains("usually"), "it does end so");
}
