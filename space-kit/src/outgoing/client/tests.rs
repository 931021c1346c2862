//! What a handler gets for each way in which a call ends.

use super::*;
use crate::testing::Upstream;
use serde::Deserialize;

#[derive(Debug, PartialEq, Deserialize, Serialize)]
struct Model {
    id: String,
}

fn client() -> HttpClient {
    HttpClient::configure(&mut Env::new(&|_| None, &[])).unwrap()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

async fn error(upstream: &Upstream) -> Error {
    client().get::<Vec<Model>>(&url(&upstream.url)).await.unwrap_err()
}

#[tokio::test]
async fn json_is_read_as_its_type() {
    let upstream = Upstream::start(200, r#"[{"id":"a","likes":3}]"#);
    let models: Vec<Model> = client().get(&url(&format!("{}/models?limit=1", upstream.url))).await.unwrap();
    assert_eq!(models, [Model { id: "a".to_owned() }]);
    let request = upstream.request();
    assert!(request.starts_with("GET /models?limit=1 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("accept: application/json\r\n"), "{request}");
}

#[tokio::test]
async fn a_posted_body_is_json_and_is_not_sent_over_a_kept_connection() {
    let upstream = Upstream::start(201, r#"{"id":"b"}"#);
    let made: Model = client().post(&url(&upstream.url), &Model { id: "a".to_owned() }).await.unwrap();
    assert_eq!(made.id, "b");
    let request = upstream.request();
    assert!(
        request.starts_with("POST / HTTP/1.1\r\n") && request.ends_with("\r\n\r\n{\"id\":\"a\"}"),
        "{request}"
    );
    for field in ["content-type: application/json", "content-length: 10", "connection: close"] {
        assert!(request.contains(&format!("{field}\r\n")), "{field} is missing in {request}");
    }
}

#[tokio::test]
async fn a_status_that_is_not_2xx_and_another_body_are_a_502_whose_cause_is_private() {
    for (status, body, cause) in [
        (404, r#"[{"id":"a"}]"#, "responded with status 404"),
        (302, "[]", "responded with status 302"),
        (200, r#"[{"id":"secret"},7]"#, "sent another body than expected: line 1, column 18"),
        (200, "<html>secret", "sent another body than expected: line 1, column 1"),
        (200, "", "sent another body than expected: line 1, column 0"),
    ] {
        let upstream = Upstream::start(status, body);
        let error = error(&upstream).await;
        assert_eq!((error.status.as_u16(), error.code), (502, "upstream_failed"), "{body}");
        assert_eq!(error.cause.as_deref(), Some(&*format!("{} {cause}", upstream.url)), "{body}");
        assert!(!error.message.contains(&upstream.url), "{}", error.message);
    }
}

#[tokio::test]
async fn a_call_without_a_response_is_a_502_and_a_slow_one_a_504() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = client().get::<Model>(&url(&format!("http://{closed}"))).await.unwrap_err();
    assert_eq!(error.status, 502);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let limits = Limits { bytes: 1, time: Duration::from_millis(1) };
    let url = url(&format!("http://{}", silent.local_addr().unwrap()));
    let error = client().with_limits(limits).get::<Model>(&url).await.unwrap_err();
    assert_eq!((error.status.as_u16(), error.code), (504, "upstream_timeout"));
}

#[tokio::test]
async fn a_response_over_the_limit_is_a_502() {
    let upstream = Upstream::start(200, r#"{"id":"a"}"#);
    let limits = Limits { bytes: 9, time: MAX_TIME };
    let error = client().with_limits(limits).get::<Model>(&url(&upstream.url)).await.unwrap_err();
    assert_eq!(error.cause.as_deref(), Some(&*format!("{} sent more than 9 bytes", upstream.url)));
}

#[tokio::test]
async fn any_request_gets_its_response_with_any_status() {
    let upstream = Upstream::start(404, "gone");
    let mut request = Request::new(Bytes::new());
    request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer key"));
    let response = client().send(&url(&format!("{}/a", upstream.url)), request).await.unwrap();
    assert_eq!((response.status().as_u16(), &**response.body()), (404, &b"gone"[..]));
    assert!(upstream.request().contains("authorization: Bearer key\r\n"));
}
