//! Ten thousand slow clients, and one that is served meanwhile.

use std::net::TcpStream;

use space_kit::testing::{read_reply, send};

use crate::support::{get, metric, start};

const SLOW: usize = 10_000;

/// The sockets of [`SLOW`] clients, and of the tests that run at the same time.
const OPEN_FILES: u64 = SLOW as u64 + 1_000;

#[test]
fn ten_thousand_slow_connections_are_held_while_others_are_served() {
    let limit = rlimit::increase_nofile_limit(OPEN_FILES).unwrap();
    assert!(limit >= OPEN_FILES, "this test needs {OPEN_FILES} open files and may have {limit}: ulimit -Hn");
    let process = start(&[("HEADER_TIMEOUT", "1h"), ("MAX_CONNECTIONS", "20100")]);
    let mut slow: Vec<TcpStream> = Vec::with_capacity(SLOW);
    for n in 0..SLOW {
        slow.push(send(process.address, "GET /hello HTTP/1.1\r\nhost: a\r\nx: ").into_inner());
        if n % 1000 == 0 {
            assert_eq!(process.get("/hello").status, 200);
        }
    }
    let mut busy = send(process.address, "");
    for n in 0..100 {
        std::io::Write::write_all(busy.get_mut(), get(&format!("/hello/{n}")).as_bytes()).unwrap();
        assert_eq!(read_reply(&mut busy, false).json(), n.to_string());
    }
    let text = process.get("/metrics").text();
    assert_eq!(
        metric(&text, "space_http_connections"),
        SLOW as u64 + 2,
        "the slow, the busy one and the scrape"
    );
    assert_eq!(metric(&text, "space_http_refused_connections_total"), 0);

    for stream in slow.iter_mut().step_by(1000) {
        std::io::Write::write_all(stream, b"y\r\n\r\n").unwrap();
        let reply = read_reply(&mut std::io::BufReader::new(stream), false);
        assert_eq!(reply.text(), "\"hello\"", "a slow one is answered when its head is whole");
    }
}
