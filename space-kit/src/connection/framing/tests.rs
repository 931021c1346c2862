//! Tests of where messages begin and end, beside hyper.

use super::*;

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Reads pieces and returns the first violation.
fn read(pieces: &[&[u8]]) -> (Framing, Option<(u64, Violation)>) {
    let mut framing = Framing::new();
    let mut found = pieces.iter().filter_map(|piece| framing.read(piece));
    let (first, next) = (found.next(), found.next());
    assert_eq!(next, None, "only the first is returned");
    drop(found);
    (framing, first)
}

/// The whole requests that hyper serves before it gives up.
fn served(bytes: &[u8]) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let served = Arc::new(Mutex::new(0));
        let count = served.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let count = count.clone();
            async move {
                if request.into_body().collect().await.is_ok() {
                    *count.lock().unwrap() += 1;
                }
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
            }
        });
        let connection = http1::Builder::new()
            .header_read_timeout(None)
            .half_close(true)
            .serve_connection(TokioIo::new(server), service);
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let drain = async move { while client.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {} };
        let _ = tokio::join!(connection, drain);
        Arc::into_inner(served).map_or(u64::MAX, |served| served.into_inner().unwrap())
    })
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\n",
        "GET /x HTTP/1.0\r\nconnection: keep-alive\r\n",
        "host: a\r\n",
        "\r\n",
        "\n",
        "content-length: 5\r\n",
        "Content-Length: 0\r\n",
        "content-length:7\r\n",
        "transfer-encoding: chunked\r\n",
        "Transfer-Encoding:\tChunked \r\n",
        "transfer-encoding: gzip, chunked\r\n",
        "x-content-length: 9\r\n",
        "5\r\nhello\r\n",
        "5;a=b\r\nhello\r\n",
        "000a \r\n0123456789\r\n",
        "0\r\n\r\n",
        "0\r\n\n",
        "0\r\nx: y\r\n\r\n",
        "hello",
        "#",
        "\u{fc}",
    ];
    let whole = [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n1;x\r\nh\r\n0\r\n\r\n",
    ];
    let piece = prop_oneof![
        3 => select(known.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        2 => select(whole.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

#[test]
fn each_violation_is_noted_with_its_message() {
    let good = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let chunked = "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
    let end = |end: &str| [chunked, end].concat();
    let cases = [
        ("GET / HTTP/1.1\n".to_owned(), Violation::BareLineFeed),
        ("GET / HTTP/1.1\r\nhost: a\n".to_owned(), Violation::BareLineFeed),
        ("GET /#a HTTP/1.1\r\n".to_owned(), Violation::Target),
        ("GET /\u{fc} HTTP/1.1\r\n".to_owned(), Violation::Target),
        ("GET / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n".to_owned(), Violation::Coding),
        ("GET / HTTP/1.1\r\nTRANSFER-ENCODING:chunked , chunked\r\n".to_owned(), Violation::CodingTwice),
        ("GET / HTTP/1.1\r\ncontent-length: 18446744073709551615\r\n".to_owned(), Violation::Length),
        (end("0\r\n\n"), Violation::Trailers),
        (end("0\r\na: b\r\n"), Violation::Trailers),
        (end("1\nx\r\n"), Violation::Trailers),
        (end(&"1\r\nx\r\n".repeat(6000)), Violation::SmallChunks),
    ];
    for (text, violation) in cases {
        assert_eq!(read(&[text.as_bytes()]).1, Some((0, violation)), "{text:.90}");
        let second = [good, text.as_bytes()].concat();
        let bytewise: Vec<&[u8]> = second.chunks(1).collect();
        assert_eq!(read(&bytewise).1, Some((1, violation)), "{text:.90}");
    }
    assert_eq!(read(&[good, b"\r\n\r\n", good]).1, None);
    assert_eq!(line_feed(b"0123456789abc\n\n"), Some(13));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn it_agrees_with_hyper_on_where_messages_end(bytes in pieces()) {
        let (mut framing, mut violation) = (Framing::new(), None);
        let ends: Vec<usize> = (0..bytes.len())
            .filter(|at| {
                let before = framing.message;
                violation = framing.read(&bytes[*at..=*at]).or(violation);
                framing.message > before
            })
            .map(|at| at + 1)
            .collect();
        let total = served(&bytes);
        // hyper may go on after a violation, and may give up earlier.
        prop_assert!(violation.is_some() || total <= ends.len() as u64, "{total} served, {ends:?}");
        for (count, end) in (1..=total).zip(&ends) {
            prop_assert_eq!((served(&bytes[..end - 1]), served(&bytes[..*end])), (count - 1, count), "{:?}", &ends);
        }
    }

    #[test]
    fn the_pieces_in_which_bytes_arrive_do_not_matter(bytes in pieces(), size in 1..9_usize) {
        let (whole, violation) = read(&[&bytes]);
        let (cut, same) = read(&bytes.chunks(size).collect::<Vec<_>>());
        prop_assert_eq!((violation, whole.place, whole.message), (same, cut.place, cut.message));
    }

    #[test]
    fn the_first_line_feed_is_found(bytes in vec(select(vec![b'\n', b'\r', 0, 0x0b, 0x8a, 0xff]), 0..40)) {
        prop_assert_eq!(line_feed(&bytes), bytes.iter().position(|byte| *byte == b'\n'));
    }
}

/// Fails when hyper is repaired. `Violation::Trailers` and SECURITY.md may then be reconsidered.
#[test]
fn hyper_still_drops_a_request_behind_a_body_that_ends_in_a_bare_line_feed() {
    let get = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    let post = |end: &str| {
        format!(
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n{end}{get}{get}"
        )
    };
    assert_eq!(served(post("0\r\n\r\n").as_bytes()), 3);
    assert_eq!(served(post("0\r\n\n").as_bytes()), 2);
}
