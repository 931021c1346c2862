//! From an upstream's stream of events to the client's: heartbeats while it is silent, a clean end only where
//! there is one.

use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use space_kit::outgoing::collect;
use space_kit::{BoxError, Error, Sender, StatusCode, task};
use tokio::time::{timeout, timeout_at};

use crate::bill::Tally;
use crate::choices::Choices;
use crate::sse::{Event, Rest, Scanner};
use crate::upstream::{Lane, Stream, Waits};
use crate::{chunk, error, sse, upstream_error};

/// Time for what may follow the last event of an answer, such as `[DONE]`. Some upstreams send nothing, and keep the
/// connection open.
pub(crate) const FINISH: Duration = Duration::from_secs(2);

/// As much as may follow `[DONE]`, in bytes.
const MAX_REST: usize = 64 << 10;

/// A relay for one request.
pub(crate) struct Relay<'a> {
    /// Whose keys an error must not show.
    pub(crate) lane: Option<&'a Lane>,
    pub(crate) waits: Waits,
    pub(crate) deadline: Instant,
    /// The usage was asked for by us and not by the client: its chunk is not passed on.
    pub(crate) hide_usage: bool,
    pub(crate) choices: Choices,
    pub(crate) tally: &'a mut Tally,
}

impl Relay<'_> {
    /// Passes a stream on to its end. An error, after it was told in the stream, aborts the connection.
    pub(crate) async fn run(&mut self, sender: &mut Sender, stream: Stream) -> Result<(), BoxError> {
        let mut failed = match self.pass(sender, stream).await {
            Ok(()) => return Ok(()),
            Err(failed) => failed,
        };
        if let Some(lane) = self.lane {
            lane.hide_keys(&mut failed);
        }
        sender.send(error_event(&error::body(&failed))).await;
        Err(failed.into_reason().into())
    }

    async fn pass(&mut self, sender: &mut Sender, stream: Stream) -> Result<(), Error> {
        let Stream { mut body, mut scanner, first, .. } = stream;
        let mut out = Vec::new();
        let mut done = self.event(first, &mut out)?;
        // When the last event came, and when something was last sent: an upstream's comments move neither.
        let (mut heard, mut told) = (Instant::now(), Instant::now());
        loop {
            let news = self.events(&mut scanner, &mut done, &mut out);
            if !out.is_empty() {
                sender.send(std::mem::take(&mut out)).await;
                told = Instant::now();
            }
            if news? {
                heard = Instant::now();
            }
            if done {
                // The rest is the end of the framing: read, so that the connection can be used again.
                task::spawn(async move {
                    _ = timeout(Duration::from_secs(1), collect(body, MAX_REST)).await;
                });
                break;
            }
            let (finished, between) = (self.choices.are_over(), self.waits.between_events);
            // A client that asked for the usage is owed it; some upstreams take their time to count.
            let is_all = finished && (self.hide_usage || self.tally.usage.is_some());
            let patience = if is_all { FINISH.min(between) } else { between };
            let until = self.deadline.min(heard + patience);
            match timeout_at(until.min(told + self.waits.heartbeat).into(), body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default(); // trailers have none
                    scanner.push(&data).map_err(|error| broken(&error))?;
                }
                // Some upstreams break off after the answer is finished; nothing is lost then.
                Ok(Some(Err(error))) if !finished => return Err(broken(&error)),
                Ok(_) => {
                    if let Rest::Event(last) = scanner.finish() {
                        done = self.event(last, &mut out)?;
                    }
                    break;
                }
                Err(_) if Instant::now() < until => {
                    sender.send(sse::HEARTBEAT).await;
                    told = Instant::now();
                }
                Err(_) if finished => break,
                Err(_) if until == self.deadline => {
                    return Err(late("the answer took longer than is allowed"));
                }
                Err(_) => return Err(late("the upstream went silent")),
            }
        }
        if !done && !self.choices.are_over() {
            return Err(broken(&"it ended without saying that the answer is finished"));
        }
        out.extend_from_slice(sse::DONE.as_bytes());
        sender.send(out).await;
        Ok(())
    }

    /// The events that are complete; whether there were any.
    fn events(&mut self, scanner: &mut Scanner, done: &mut bool, out: &mut Vec<u8>) -> Result<bool, Error> {
        let mut any = false;
        while let Some(event) = scanner.next_event().filter(|_| !*done) {
            *done = self.event(event, out)?;
            any = true;
        }
        Ok(any)
    }

    /// One event: noted, cleaned, passed on. Whether it is `[DONE]`.
    fn event(&mut self, event: Event, out: &mut Vec<u8>) -> Result<bool, Error> {
        if chunk::is_done(&event.data) {
            return Ok(true);
        }
        if event.is_error() {
            return Err(upstream_error::from_event(&event.data));
        }
        let seen = chunk::inspect(&event.data, &mut self.choices).map_err(|error| broken(&error))?;
        if seen.error {
            return Err(upstream_error::from_event(&event.data));
        }
        self.tally.content_chunks += u64::from(seen.has_content);
        if let Some(usage) = seen.usage {
            self.tally.usage = Some(usage);
            if self.hide_usage && seen.choices_empty {
                return Ok(false);
            }
        }
        let data = if seen.null_error { chunk::without_null_error(&event.data) } else { event.data };
        sse::write(&Event { name: event.name, data }, out);
        Ok(false)
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
