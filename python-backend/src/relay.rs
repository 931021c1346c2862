//! From an upstream's stream of events to the client's: heartbeats while it is silent, a clean end only where
//! there is one.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use space_kit::outgoing::{PooledBody, collect};
use space_kit::{BoxError, Error, Sender, StatusCode, task};
use tokio::time::{timeout, timeout_at};

use crate::bill::Tally;
use crate::sse::{Event, Rest, Scanner};
use crate::upstream::{Stream, Waits};
use crate::{chunk, error, sse, upstream_error};

/// Time for the usage and `[DONE]` once a choice said why it ended. Some upstreams send neither, and keep the
/// connection open.
const FINISH: Duration = Duration::from_secs(2);

/// A relay for one request.
pub(crate) struct Relay<'a> {
    pub(crate) waits: Waits,
    pub(crate) deadline: Instant,
    /// The usage was asked for by us and not by the client: its chunk is not passed on.
    pub(crate) hide_usage: bool,
    pub(crate) tally: &'a mut Tally,
}

/// How far the events say that the answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A choice said why it ended; the usage may follow.
    Finished,
    /// `[DONE]`.
    Done,
}

impl Relay<'_> {
    /// Passes a stream on to its end. An error, after it was told in the stream, aborts the connection.
    pub(crate) async fn run(&mut self, sender: &mut Sender, stream: Stream) -> Result<(), BoxError> {
        let failed = match self.pass(sender, stream).await {
            Ok(()) => return Ok(()),
            Err(failed) => failed,
        };
        sender.send(error_event(&error::body(&failed))).await;
        Err(failed.into_reason().into())
    }

    async fn pass(&mut self, sender: &mut Sender, stream: Stream) -> Result<(), Error> {
        let Stream { mut body, mut scanner, first, .. } = stream;
        let (mut state, mut out) = (State::Open, Vec::new());
        self.event(first, &mut state, &mut out)?;
        loop {
            let outcome = self.events(&mut scanner, &mut state, &mut out);
            if !out.is_empty() {
                sender.send(std::mem::take(&mut out)).await;
            }
            outcome?;
            if state == State::Done {
                // The rest is the end of the framing: read, so that the connection can be used again.
                task::spawn(async move {
                    _ = timeout(Duration::from_secs(1), collect(body, usize::MAX)).await;
                });
                break;
            }
            match self.frame(sender, &mut body, state).await? {
                Some(data) => scanner.push(&data).map_err(|error| broken(&error))?,
                None => {
                    if let Rest::Event(last) = scanner.finish() {
                        self.event(last, &mut state, &mut out)?;
                    }
                    break;
                }
            }
        }
        if state == State::Open {
            return Err(broken(&"it ended without saying that the answer is finished"));
        }
        out.extend_from_slice(sse::DONE.as_bytes());
        sender.send(out).await;
        Ok(())
    }

    fn events(&mut self, scanner: &mut Scanner, state: &mut State, out: &mut Vec<u8>) -> Result<(), Error> {
        while let Some(event) = scanner.next_event().filter(|_| *state != State::Done) {
            self.event(event, state, out)?;
        }
        Ok(())
    }

    /// One event: noted, cleaned, passed on.
    fn event(&mut self, event: Event, state: &mut State, out: &mut Vec<u8>) -> Result<(), Error> {
        if chunk::is_done(&event.data) {
            *state = State::Done;
            return Ok(());
        }
        let seen = chunk::inspect(&event.data).map_err(|error| broken(&error))?;
        if seen.error.is_some() {
            return Err(upstream_error::from_event(&event.data));
        }
        if seen.finished {
            *state = State::Finished;
        }
        self.tally.content_chunks += u64::from(seen.has_content);
        if let Some(usage) = seen.usage {
            self.tally.usage = Some(usage);
            if self.hide_usage && seen.choices_empty {
                return Ok(());
            }
        }
        let data = if seen.null_error { chunk::without_null_error(&event.data) } else { event.data };
        sse::write(&Event { name: event.name, data }, out);
        Ok(())
    }

    /// The next piece of the upstream's body, with heartbeats to the client while there is none.
    async fn frame(
        &self,
        sender: &mut Sender,
        body: &mut PooledBody,
        state: State,
    ) -> Result<Option<Bytes>, Error> {
        let finished = state == State::Finished;
        let patience =
            if finished { FINISH.min(self.waits.between_events) } else { self.waits.between_events };
        let silent_until = Instant::now() + patience;
        loop {
            let until = silent_until.min(self.deadline).min(Instant::now() + self.waits.heartbeat);
            match timeout_at(until.into(), body.frame()).await {
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_) => continue, // trailers
                },
                // Some upstreams break off after the answer is finished; nothing is lost then.
                Ok(Some(Err(_))) if finished => return Ok(None),
                Ok(Some(Err(error))) => return Err(broken(&error)),
                Ok(None) => return Ok(None),
                Err(_) if finished && Instant::now() >= silent_until.min(self.deadline) => return Ok(None),
                Err(_) if Instant::now() >= self.deadline => {
                    return Err(late("the answer took longer than is allowed"));
                }
                Err(_) if Instant::now() >= silent_until => return Err(late("the upstream went silent")),
                Err(_) => sender.send(sse::HEARTBEAT).await,
            }
        }
    }
}

/// The event that tells a client of a failure in the middle of a stream.
pub(crate) fn error_event(body: &str) -> String {
    format!("data: {body}\n\n")
}

fn broken(cause: &dyn std::fmt::Display) -> Error {
    let message = "the upstream broke off in the middle of the answer";
    Error::new(StatusCode::BAD_GATEWAY, "upstream_error", message)
        .cause(format!("the upstream's stream: {cause}"))
}

fn late(message: &'static str) -> Error {
    Error::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message)
}
