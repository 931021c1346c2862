//! Which connections are kept, for how long, and how often a request is sent.

use super::*;
use crate::outgoing::{Limits, Url, collect, fetch};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{pause, timeout};

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_minute() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let origin = Url::parse(&url).unwrap().origin;
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        stream
    };
    let (pool, limits) = (Pool::default(), Limits { bytes: 9, time: MAX_AGE });
    let (mut stream, answer) =
        tokio::join!(server, fetch(&pool, &origin, Request::new(Bytes::new()), limits));
    assert_eq!(answer.unwrap().status(), 200);
    pause(); // tokio advances the clock when all tasks are idle
    let start = Instant::now();
    assert_eq!(timeout(10 * MAX_AGE, stream.read(&mut [0])).await.unwrap().unwrap(), 0);
    let took = start.elapsed();
    assert!(took > MAX_AGE - SWEEP && took < MAX_AGE + 2 * SWEEP, "{took:?}");
    assert!(pool.lock().is_empty());
}

/// A server whose connections respond to their first request, and close after they read the second. The first two
/// responses wait for each other.
fn server() -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let (count, both) = (Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(2)));
    let counter = count.clone();
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let (counter, both) = (counter.clone(), both.clone());
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                read(&mut stream, &counter);
                if at < 2 {
                    both.wait();
                }
                stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").unwrap();
                read(&mut stream, &counter);
            });
        }
    });
    (url, count)
}

fn read(stream: &mut BufReader<TcpStream>, counter: &AtomicUsize) {
    let (mut line, mut first) = (String::new(), true);
    while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
        if std::mem::take(&mut first) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        line.clear();
    }
}

async fn ask(pool: &Pool, url: &Url, closes: bool) -> Bytes {
    let request = || {
        let mut request = Request::post("/").body(Bytes::new()).unwrap();
        if closes {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        request
    };
    let response = pool.send(&url.origin, &request).await.unwrap();
    collect(response.into_body(), 9).await.unwrap()
}

#[tokio::test]
async fn a_request_on_a_closed_connection_is_sent_once_more_on_a_new_one() {
    let (pool, (url, count)) = (Pool::default(), server());
    tokio::join!(ask(&pool, &url, false), ask(&pool, &url, false));
    assert_eq!(pool.lock()[0].1.len(), 2, "two are kept, and close when they are used");
    assert_eq!(ask(&pool, &url, false).await, "ok");
    assert_eq!(count.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_request_with_connection_close_uses_a_new_connection() {
    let (pool, (url, count)) = (Pool::default(), server());
    tokio::join!(ask(&pool, &url, false), ask(&pool, &url, false));
    assert_eq!(ask(&pool, &url, true).await, "ok");
    assert_eq!((count.load(Ordering::SeqCst), pool.lock()[0].1.len()), (3, 2));
}
