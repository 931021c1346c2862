//! `Json`, `Query` and `Path` in the handlers of a service that this file runs as a process.

use crate::testing::{Process, TestResponse, exchange, own_service};
use crate::{
    Call, HandlerResult, HeaderMap, Json, Path, Query, Reply, Route, Service, StatusCode, Text, respond,
};
use serde::{Deserialize, Serialize};

const JSON: (&str, &str) = ("content-type", "application/json");

#[derive(Deserialize, Serialize)]
struct Note {
    text: Text<1, 10>,
    #[serde(default)]
    stars: Option<u8>,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    tag: Vec<String>,
    limit: Option<u32>,
}

static SERVICE: Service<()> = Service {
    name: "extract",
    version: "0",
    about: "a service that a test runs",
    defaults: &[("MAX_BODY_BYTES", "200")],
    configure: |_, _| Some(()),
    routes: &[
        Route::post("/notes", |call| Reply::later(create(call))),
        Route::get("/notes", |call| list(&call).into()),
        Route::get("/notes/{name}", |call| name(&call).into()),
        Route::get("/numbers/{number}", |call| number(&call).into()),
        Route::get("/files/{*path}", |call| file(&call).into()),
        Route::get("/wrong/{name}", |call| number(&call).into()),
        Route::get("/key", |call| key(&call).into()),
    ],
    render: |error, _: &str, _: &mut HeaderMap| {
        serde_json::json!({"code": error.code, "message": error.message, "param": error.param})
            .to_string()
            .into()
    },
    ..Service::DEFAULT
};

async fn create(mut call: Call<()>) -> HandlerResult {
    let Json(note) = Json::<Note>::read(&mut call).await?;
    let status = if call.header("x-quiet").is_some() { StatusCode::ACCEPTED } else { StatusCode::CREATED };
    Json(note).respond(status)
}

fn list(call: &Call<()>) -> HandlerResult {
    let Query(page) = Query::<Page>::read(call)?;
    Json((page.tag, page.limit)).respond(StatusCode::OK)
}

fn name(call: &Call<()>) -> HandlerResult {
    let Path(name) = Path::<Text<1, 4>>::read(call, "name")?;
    Json(name).respond(StatusCode::OK)
}

fn number(call: &Call<()>) -> HandlerResult {
    let Path(number) = Path::<u16>::read(call, "number")?;
    Json(number).respond(StatusCode::OK)
}

fn file(call: &Call<()>) -> HandlerResult {
    let Path(path) = Path::<String>::read(call, "path")?;
    Json(path).respond(StatusCode::OK)
}

fn key(call: &Call<()>) -> HandlerResult {
    call.require_key("correct-horse")?;
    Ok(respond::no_content())
}

#[test]
#[ignore = "the program of the other tests"]
fn serve() {
    own_service::serve(&SERVICE, &[]);
}

fn start() -> Process {
    own_service::start("extract::tests::serve")
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: extract\r\n\r\n")
}

/// The head of a POST request with one more header.
fn post(path: &str, header: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: extract\r\n{header}\r\n\r\n")
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

#[track_caller]
fn assert_error(reply: &TestResponse, status: u16, code: &str) {
    assert_eq!((reply.status, &reply.json()["code"]), (status, &code.into()), "{}", reply.text());
}

#[test]
fn a_body_is_read_as_its_type() {
    let process = start();
    let reply = process.request("POST", "/notes", &[JSON], r#"{"text":"a","stars":5,"more":[]}"#);
    assert_eq!((reply.status, &*reply.text()), (201, r#"{"text":"a","stars":5}"#));
    assert_eq!(reply.header("content-type"), "application/json");
    let headers = [("content-type", "application/note+json; charset=utf-8"), ("x-quiet", "1")];
    let reply = process.request("POST", "/notes", &headers, r#"{"text":"a"}"#);
    assert_eq!((reply.status, &*reply.text()), (202, r#"{"text":"a","stars":null}"#));
    let head = post("/notes", "content-type: application/json\r\ntransfer-encoding: chunked");
    let chunked = head + &chunk(r#"{"text":"in"#) + &chunk(r#" chunks"}"#) + &chunk("");
    assert_eq!(exchange(process.address, chunked).text(), r#"{"text":"in chunks","stars":null}"#);
}

#[test]
fn a_body_of_another_type_is_a_400_that_names_the_field() {
    let process = start();
    for (body, param, message) in [
        (r#"{"stars":5}"#, "text", "text: is required"),
        (r#"{"text":7}"#, "text", "text: expected a string of 1 to 10 characters"),
        (r#"{"text":""}"#, "text", "text: expected a string of 1 to 10 characters"),
        (r#"{"text":"a","stars":-1}"#, "stars", "stars: expected a whole number from 0 to 255"),
    ] {
        let reply = process.request("POST", "/notes", &[JSON], body);
        assert_error(&reply, 400, "invalid");
        assert_eq!(
            (&reply.json()["param"], &reply.json()["message"]),
            (&param.into(), &message.into()),
            "{body}"
        );
    }
    for body in ["", "{", "\u{1}", "{\"text\":\"a\"}x"] {
        let reply = process.request("POST", "/notes", &[JSON], body);
        assert_error(&reply, 400, "invalid");
        assert!(reply.json()["param"].is_null(), "{}", reply.text());
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_neither_sent_back_nor_logged() {
    let process = start();
    let reply = process.request("POST", "/notes", &[JSON], r#"{"text":"a","stars":"hunter2"}"#);
    assert_error(&reply, 400, "invalid");
    assert!(!reply.text().contains("hunter2"), "{}", reply.text());
    let (_, lines) = process.stop();
    assert!(lines.iter().any(|line| line.contains("/notes")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("hunter2")), "{lines:#?}");
}

#[test]
fn a_body_without_the_content_type_of_json_is_a_415() {
    let process = start();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let reply = process.request("POST", "/notes", &[("content-type", content_type)], r#"{"text":"a"}"#);
        assert_error(&reply, 415, "unsupported_media_type");
    }
    let none = post("/notes", "content-length: 12") + r#"{"text":"a"}"#;
    assert_error(&exchange(process.address, none), 415, "unsupported_media_type");
}

#[test]
fn a_body_over_the_limit_is_a_413() {
    let process = start();
    let long = format!(r#"{{"text":"a","more":"{}"}}"#, "b".repeat(200));
    assert_error(&process.request("POST", "/notes", &[JSON], &long), 413, "request_too_large");
}

#[test]
fn a_query_is_read_as_its_type_or_a_400_names_the_field() {
    let process = start();
    for (query, answer) in
        [("", "[[],null]"), ("?tag=b+c&limit=4294967295&tag=%C3%A9", r#"[["b c","é"],4294967295]"#)]
    {
        let reply = exchange(process.address, get(&format!("/notes{query}")));
        assert_eq!((reply.status, &*reply.text()), (200, answer), "{query}");
    }
    for (query, param) in
        [("limit=x", "limit"), ("limit=1&limit=2", "limit"), ("tag=%ff", "tag"), ("tag=%", "tag")]
    {
        let reply = exchange(process.address, get(&format!("/notes?{query}")));
        assert_error(&reply, 400, "invalid");
        assert_eq!(reply.json()["param"], param, "{query}");
    }
}

#[test]
fn a_placeholder_is_decoded_or_a_400_names_it() {
    let process = start();
    for (path, answer) in [
        ("/notes/a%20b", r#""a b""#),
        ("/notes/a+b", r#""a+b""#),
        ("/notes/a%2Fb", r#""a/b""#),
        ("/numbers/%37", "7"),
        ("/files/a/%C3%A9", r#""a/é""#),
    ] {
        let reply = exchange(process.address, get(path));
        assert_eq!((reply.status, &*reply.text()), (200, answer), "{path}");
    }
    for (path, param, message) in [
        ("/notes/%ff", "name", "name: expected percent-encoded UTF-8"),
        ("/notes/%4", "name", "name: expected percent-encoded UTF-8"),
        ("/notes/abcde", "name", "name: expected a string of 1 to 4 characters"),
        ("/numbers/65536", "number", "number: expected a whole number from 0 to 65535"),
    ] {
        let reply = exchange(process.address, get(path));
        assert_error(&reply, 400, "invalid");
        assert_eq!(
            (&reply.json()["param"], &reply.json()["message"]),
            (&param.into(), &message.into()),
            "{path}"
        );
    }
    assert_error(&exchange(process.address, get("/wrong/7")), 500, "internal_error");
}

#[test]
fn a_key_that_is_absent_or_wrong_is_a_401_that_names_the_scheme() {
    let process = start();
    let request = |key: &str| process.request("GET", "/key", &[("authorization", key)], "");
    assert_eq!(request("Bearer correct-horse").status, 204);
    for wrong in ["", "Bearer wrong", "correct-horse"] {
        let reply = request(wrong);
        assert_error(&reply, 401, "unauthorized");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
}
