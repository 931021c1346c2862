//! Plays a script against the server, and checks what the server did.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use super::reference::{self, ValidRequest};
use super::responses::{WireResponse, parse};
use super::rig::{Client, Rig};
use super::script::{self, PeerStep};
use super::service::{SERVICE, Seen};
use crate::connection::framing::{Framing, Violation};
use crate::service::running::Running;

static RIG: LazyLock<(Rig, Arc<Running<Seen>>)> = LazyLock::new(|| Rig::new(&SERVICE, &|_| None));

/// Within this time after the request before it, a request arrives in time whatever it waits for.
const IN_TIME: Duration = Duration::from_secs(9);

/// Every wait of the server is shorter.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What a client did.
#[derive(Default)]
struct Played {
    sent: Vec<u8>,
    /// When the clock was moved: after how many bytes, and for how long.
    pauses: Vec<(usize, Duration)>,
    /// The client left, ended its input or did not read while a response was due, so that responses may be missing.
    gone: bool,
    /// The service began to drain.
    drained: bool,
}

/// A script of [`script::parse`] is played against the server. It never panics, its responses are well-formed and never
/// more than the requests, valid requests get exactly their responses in order, no request is handled behind one that is
/// not accepted, and every connection ends in bounded time.
pub fn conversation(input: &[u8]) {
    let steps = script::parse(input);
    let (rig, running) = &*RIG;
    let (received, played) = rig.run(async |client| {
        let played = play(client, &steps).await;
        let heads = u32::try_from(heads(&played.sent)).expect("a number of heads");
        assert!(client.finish(LONGEST_WAIT * (heads + 2)).await, "the connection does not end");
        (client.socket.received().to_vec(), played)
    });
    check(&received, &played, &running.state.take());
}

async fn play(client: &mut Client, steps: &[PeerStep]) -> Played {
    let mut played = Played::default();
    client.settle().await;
    for step in steps {
        match step {
            PeerStep::Send(bytes) => {
                let sent = client.socket.send(bytes);
                played.sent.extend_from_slice(&bytes[..sent]);
                client.settle().await;
                if sent < bytes.len() {
                    break; // closed, or the service does not read
                }
            }
            PeerStep::Pause(time) => {
                client.pause(*time).await;
                played.pauses.push((played.sent.len(), *time));
            }
            PeerStep::EndInput => {
                client.socket.end_input();
                // A client that ends its input while a request is served is taken for one that has left.
                played.gone |=
                    ["/late", "/stream", "/fail", "/hang"].iter().any(|due| contains(&played.sent, due));
                client.settle().await;
                break;
            }
            PeerStep::Leave => {
                client.socket.leave();
                played.gone = true;
                client.settle().await;
                break;
            }
            PeerStep::StopReading => {
                client.socket.set_reading(false);
                played.gone = true;
            }
            PeerStep::Read => client.socket.set_reading(true),
            PeerStep::Drain => {
                client.drain();
                played.drained = true;
                client.settle().await;
            }
        }
    }
    played
}

/// The most requests that any reader could find.
fn heads(sent: &[u8]) -> usize {
    sent.windows(7).filter(|window| *window == b"HTTP/1.").count()
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn check(received: &[u8], played: &Played, seen: &[String]) {
    let sent = &played.sent;
    let requests = reference::requests(sent);
    let rest = &sent[requests.last().map_or(0, |last| last.end)..];
    let (responses, malformed) =
        parse(received, |at| requests.get(at).is_some_and(|request| request.is_head));
    if let Some(problem) = malformed {
        // The response to a HEAD request that the reference does not know has no body.
        assert!(contains(rest, "HEAD") && responses.len() > requests.len(), "not a response: {problem}");
    }
    let certain = certain(&requests, played);
    let is_certain = !played.gone && !played.drained;
    for (at, response) in responses.iter().enumerate() {
        let is_last = at + 1 == responses.len();
        assert!(is_last || !response.closes(), "a response behind {response:?}");
        assert!(is_last || response.whole, "a response behind a part of one: {response:?}");
        for name in ["x-request-id", "x-content-type-options", "date"] {
            assert!(response.field(name).is_some(), "no {name}: {response:?}");
        }
        if let Some(request) = requests.get(at) {
            let must = at < certain && is_certain;
            check_one(request, response, must);
            let may_close = request.closes || request.may_close || !rest.is_empty();
            assert!(
                may_close || !must || !response.closes(),
                "closed without a reason: {request:?} {response:?}"
            );
        }
    }
    if is_certain && responses.len() < certain {
        let (request, response) =
            (responses.len().checked_sub(1)).map(|at| (&requests[at], &responses[at])).unzip();
        let has_closed =
            response.is_some_and(WireResponse::closes) || request.is_some_and(|last| last.may_close);
        assert!(has_closed, "no response to {:?}", requests[responses.len()]);
    }
    let most = if rest.is_empty() { requests.len() } else { heads(sent) + 1 };
    assert!(responses.len() <= most, "{} responses to at most {most} requests", responses.len());
    if responses.len() > heads(sent) {
        let last = responses.last().expect("a response");
        assert!(last.status >= 400 && last.closes(), "a response without a request: {last:?}");
    }
    check_framing(sent, &requests, seen);
}

/// How many requests at the beginning certainly arrived in time.
fn certain(requests: &[ValidRequest], played: &Played) -> usize {
    let starts = std::iter::once(0).chain(requests.iter().map(|request| request.end));
    let in_time = |(start, request): &(usize, &ValidRequest)| {
        let within = played.pauses.iter().filter(|(at, _)| (*start..request.end).contains(at));
        within.map(|(_, time)| *time).sum::<Duration>() < IN_TIME
    };
    starts.zip(requests).take_while(in_time).count()
}

fn check_one(request: &ValidRequest, response: &WireResponse, must: bool) {
    assert_eq!(response.interim, 0, "an interim response: {request:?}");
    let Some(body) = &request.body else { return };
    if !must && response.status >= 400 {
        return; // late
    }
    assert_eq!(response.status, 200, "{request:?} {response:?}");
    if request.is_head {
        assert!(response.body.is_empty());
    } else if response.whole || must {
        assert!(response.body == *body, "{request:?} {response:?}");
    } else {
        assert!(body.starts_with(&response.body), "{request:?} {response:?}");
    }
}

/// The head scan finds the same requests as the reference, and the handlers see no other.
fn check_framing(sent: &[u8], requests: &[ValidRequest], seen: &[String]) {
    let valid = &sent[..requests.last().map_or(0, |last| last.end)];
    let mut framing = Framing::new();
    assert_eq!(framing.read(valid), None, "valid requests");
    assert_eq!(framing.messages(), requests.len() as u64, "valid requests");
    let violation = framing.read(&sent[valid.len()..]);
    let most = match violation {
        Some((message, Violation::Trailers | Violation::SmallChunks)) => message + 1,
        Some((message, _)) => message,
        None => framing.messages() + 1,
    };
    assert!(seen.len() as u64 <= most, "handled behind {violation:?}: {seen:?}");
    let wanted = requests.iter().filter_map(|request| request.handled.as_ref());
    assert!(wanted.zip(seen).all(|(wanted, seen)| wanted == seen), "{requests:?} were handled as {seen:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_of_the_fuzz_target_are_served_by_the_rules() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/conversation");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).expect("the seeds") {
            let path = entry.expect("a seed").path();
            println!("{}", path.display());
            conversation(&std::fs::read(path).expect("a seed"));
            count += 1;
        }
        assert!(count > 20, "{count} seeds");
    }
}
