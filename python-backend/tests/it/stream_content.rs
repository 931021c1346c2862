//! Chunks of chats that are unusual but harmless.

use serde_json::{Value, json};

use crate::chat;
use crate::fake::{Fake, GOOD, HELLO, STOP, begin_events, chunk, completion, end, json_answer, write};
use crate::streaming::through;
use crate::support::{assert_clean, assert_cut, before, events, question, streamed};

#[test]
fn one_bad_byte_or_number_does_not_end_a_stream() {
    let reply = through(&[
        b"data: {\"choices\":[{\"delta\":{\"content\":\"h\xFFi\"}}]}\n\n",
        b"data: ping\n\n",
        b"data: {\"choices\":[{\"delta\":{\"content\":\"!\"},\"finish_reason\":\"stop\",\"logprobs\":{\"content\":[{\"logprob\":-Infinity},{\"logprob\":NaN}]}}]}\n\n",
    ]);
    assert_clean(&reply, "h\u{fffd}i!");
    let last: Value = serde_json::from_str(&events(&reply)[1]).unwrap();
    assert_eq!(last["choices"][0]["logprobs"]["content"][0]["logprob"], -9999.0, "as in OpenAI's API");
    assert!(reply.text().contains(": ping\n\n"), "{}", reply.text());
}

#[test]
fn what_cannot_be_read_reaches_the_client() {
    let reply =
        through(&[HELLO.as_bytes(), b"data: {\"choices\":[\n\n", b"data: two words\n\n", STOP.as_bytes()]);
    assert!(reply.whole, "{}", reply.text());
    assert_eq!(events(&reply)[1..3], ["{\"choices\":[", "two words"]);
    assert_cut(&through(&[HELLO.as_bytes(), b"data: {\"choices\":[\n\n"]), "upstream_error");
}

#[test]
fn a_bad_byte_or_number_in_a_whole_response_is_mended() {
    let fake = Fake::start(|_, stream| {
        let body = b"{\"choices\":[{\"message\":{\"content\":\"\xFF\"},\"logprob\":-Infinity}]}";
        write(stream, format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()));
        write(stream, body);
        true
    });
    let reply = chat(&before(&fake, &[]), &question(json!({})));
    assert_eq!(reply.json()["choices"][0], json!({"message": {"content": "\u{fffd}"}, "logprob": -9999.0}));
    assert_eq!((reply.header("content-type"), fake.count()), ("application/json", 1));
}

#[test]
fn a_whole_response_is_json_even_if_the_upstream_does_not_say_so() {
    for line in ["", "content-type: text/plain\r\n"] {
        let fake = Fake::start(move |_, stream| {
            let body = completion("hello").to_string();
            let length = body.len();
            write(stream, format!("HTTP/1.1 200 OK\r\n{line}content-length: {length}\r\n\r\n{body}"));
            true
        });
        let reply = chat(&before(&fake, &[]), &question(json!({})));
        assert_eq!((reply.header("content-type"), reply.json()), ("application/json", completion("hello")));
    }
}

#[test]
fn data_over_several_lines_becomes_one_line() {
    let reply = through(&[
        b"data: {\"choices\":[{\"delta\":\ndata: {\"content\":\"hello\"}}]\ndata: }\n\n",
        STOP.as_bytes(),
    ]);
    assert_clean(&reply, "hello");
    assert!(
        reply.text().lines().all(|line| line.is_empty() || line.starts_with("data: ")),
        "{}",
        reply.text()
    );
}

#[test]
fn usage_is_hidden_in_each_form_of_its_chunk() {
    const COUNT: &str = "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":1}}\n\n";
    for choices in ["\"choices\":[],", "\"choices\":null,", ""] {
        let usage = format!("data: {{{choices}{COUNT}");
        let reply = through(&[HELLO.as_bytes(), STOP.as_bytes(), usage.as_bytes()]);
        assert_clean(&reply, "hello");
        assert!(!reply.text().contains("usage"), "{}", reply.text());
    }
}

#[test]
fn an_upstream_that_rejects_stream_options_is_asked_without_them() {
    for status in [400, 422, 200] {
        let fake = Fake::start(move |seen, stream| match seen.json().get("stream_options") {
            Some(_) => {
                let body = r#"{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#;
                let body = if status == 200 {
                    r#"{"error":{"message":"stream_options?","code":400}}"#
                } else {
                    body
                };
                json_answer(stream, status, "", body)
            }
            None => {
                begin_events(stream);
                GOOD.iter().filter(|event| !event.contains("usage")).for_each(|event| chunk(stream, event));
                end(stream)
            }
        });
        let service = before(&fake, &[]);
        for _ in 0..2 {
            assert_clean(&chat(&service, &streamed()), "hello");
        }
        assert_eq!(fake.count(), 3, "it is learnt");
        fake.next();
        assert_eq!(fake.next().json(), streamed());
        // A client that asks for it itself gets the error.
        let asked = question(json!({"stream": true, "stream_options": {"include_usage": true}}));
        assert!(chat(&service, &asked).text().contains("stream_options"));
        assert_eq!(fake.count(), 4);
    }
}
