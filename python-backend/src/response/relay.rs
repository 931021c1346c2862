//! Forwards an upstream's stream of events to the client, with heartbeats while the upstream is silent. The
//! client's stream ends cleanly only if the upstream's response was complete.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::BodyExt;
use space_kit::outgoing::collect;
use space_kit::{BoxError, Error, Sender, task};
use tokio::time::{timeout, timeout_at};

use super::terminal_event::TerminalEventFinder;
use crate::access::PayerToken;
use crate::clock::Clock;
use crate::dialect::{Output, Translator};
use crate::errors;
use crate::errors::upstream::{bad_gateway, timed_out};
use crate::json;
use crate::limits::HoldError;
use crate::upstream::{EventStream, Timeouts, UpstreamGroup};
use crate::usage::{self, UsageRecord};
use crate::wire::choices::Choices;
use crate::wire::dialect::Dialect;
use crate::wire::sse::{Event, Rest, Scanner};
use crate::wire::{chunk, sse};

/// Time for what may follow the terminal event of a response, such as `[DONE]`, or the last choice of an upstream
/// that is known to send nothing more and to keep the connection open.
const FINISH: Duration = Duration::from_secs(2);

/// How much may follow `[DONE]`, in bytes.
const MAX_REST: usize = 64 << 10;

/// The relay of one stream.
pub(super) struct Relay<'a> {
    /// The group whose keys must not appear in an error.
    pub(super) group: &'a UpstreamGroup,
    /// Its token must not appear there either.
    pub(super) payer: Option<PayerToken>,
    pub(super) timeouts: Timeouts,
    pub(super) deadline: Instant,
    /// The gateway requested the usage and the client did not: the chunk with the usage is not forwarded.
    pub(super) hide_usage: bool,
    /// The upstream's API.
    pub(super) dialect: Dialect,
    /// What keeps the client's stream alive.
    pub(super) heartbeat: &'static str,
    pub(super) choices: Choices,
    pub(super) terminal: TerminalEventFinder,
    pub(super) usage: &'a mut UsageRecord,
    pub(super) clock: Clock,
    /// Translates the chunks for a client that speaks another API.
    pub(super) translator: Option<Box<Translator>>,
    /// The translated events that have not been sent.
    pub(super) translated: Output,
}

impl Relay<'_> {
    /// Forwards a stream to its end.
    ///
    /// # Errors
    ///
    /// If the stream fails. The error is sent as an event first, and then it aborts the connection.
    pub(super) async fn run(&mut self, sender: &mut Sender, stream: EventStream) -> Result<(), BoxError> {
        let Err(mut error) = self.forward(sender, stream).await else { return Ok(()) };
        self.group.hide_keys(self.payer.as_ref(), &mut error);
        match &mut self.translator {
            Some(translator) => {
                translator.fail(&error, &mut self.translated);
                self.send_translated(sender).await;
            }
            None => sender.send(self.dialect.error_event(&error)).await,
        }
        Err(error.into_reason().into())
    }

    async fn forward(&mut self, sender: &mut Sender, stream: EventStream) -> Result<(), Error> {
        let EventStream { mut body, mut scanner, first, habits, mut held, .. } = stream;
        let mut out = Vec::new();
        let mut done = match first {
            Some(first) => self.event(first, &mut out)?,
            None => false,
        };
        // When the last event arrived, and when something was last sent. An upstream's comments change
        // neither.
        let (mut received, mut sent) = (self.clock.instant(), self.clock.instant());
        loop {
            let has_events = self.events(&mut scanner, &mut done, &mut out);
            let kept = self.translator.as_ref().map_or(0, |translator| translator.held());
            held.resize_if_long(scanner.held() + out.len() + kept).map_err(HoldError::of_response)?;
            if !out.is_empty() {
                sender.send(std::mem::take(&mut out)).await;
                sent = self.clock.instant();
            }
            if self.send_translated(sender).await {
                sent = self.clock.instant();
            }
            if has_events? {
                received = self.clock.instant();
            }
            if done {
                habits.record_done();
                // Read the end of the framing, so that the connection can be used again.
                task::spawn(async move {
                    _ = timeout(Duration::from_secs(1), collect(body, MAX_REST)).await;
                });
                break;
            }
            let (finished, between) = (self.has_stopped(), self.timeouts.between_events);
            // A `finish_reason` is no proof of the end: more choices, tool calls or the usage may follow.
            let is_over = self.terminal.has_found() || finished && habits.leaves_streams_open();
            let patience = if is_over { FINISH.min(between) } else { between };
            let until = self.deadline.min(received + patience);
            match timeout_at(until.min(sent + self.timeouts.heartbeat).into(), body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default(); // trailers have no data
                    scanner.push(&data).map_err(|error| broken(&error))?;
                }
                // Some upstreams break off after the response is complete. Nothing is lost then.
                Ok(Some(Err(error))) if !finished => return Err(broken(&error)),
                Ok(_) => {
                    if let Rest::Event(last) = scanner.finish() {
                        // It had no blank line after it, so it may have been cut.
                        if !is_readable(&last.data) {
                            return Err(broken(&"it ended in the middle of an event"));
                        }
                        done = self.event(last, &mut out)?;
                    }
                    break;
                }
                Err(_) if self.clock.instant() < until => {
                    sender.send(self.heartbeat).await;
                    sent = self.clock.instant();
                }
                Err(_) if finished => {
                    if !is_over {
                        habits.record_open_end();
                    }
                    break;
                }
                Err(_) if until == self.deadline => {
                    return Err(timed_out("the response took longer than the time limit"));
                }
                Err(_) => return Err(timed_out("the upstream stopped sending events")),
            }
        }
        if !done && !self.has_stopped() {
            return Err(broken(&"it ended before its last event"));
        }
        if let Some(translator) = &mut self.translator {
            let finished = translator.finish(&mut self.translated);
            self.send_translated(sender).await;
            return finished;
        }
        if self.dialect == Dialect::Chat {
            out.extend_from_slice(sse::DONE.as_bytes());
        }
        sender.send(out).await;
        Ok(())
    }

    /// Sends the translated events, and returns whether there were any.
    async fn send_translated(&mut self, sender: &mut Sender) -> bool {
        let pieces = self.translated.take();
        let any = !pieces.is_empty();
        for piece in pieces {
            sender.send(piece).await;
        }
        any
    }

    /// Handles the events that are complete. Returns whether there were any.
    fn events(&mut self, scanner: &mut Scanner, done: &mut bool, out: &mut Vec<u8>) -> Result<bool, Error> {
        let mut any = false;
        while let Some(event) = scanner.next_event().filter(|_| !*done) {
            *done = self.event(event, out)?;
            any = true;
        }
        Ok(any)
    }

    /// Whether the response may be complete.
    fn has_stopped(&self) -> bool {
        match self.dialect {
            Dialect::Chat => self.choices.have_ended(),
            _ => self.terminal.has_stopped(),
        }
    }

    /// Records, cleans and forwards one event. Returns whether it is `[DONE]`.
    fn event(&mut self, mut event: Event, out: &mut Vec<u8>) -> Result<bool, Error> {
        if self.dialect == Dialect::Chat {
            return self.chunk(event, out);
        }
        if let Some(data) = self.payer.as_ref().and_then(|payer| payer.hidden(&event.data)) {
            event.data = data;
        }
        if !self.terminal.check(&event) {
            return self.unreadable(event, out);
        }
        usage::update(&event.data, &mut self.usage.reported);
        sse::write(&event, out);
        Ok(chunk::is_done(&event.data))
    }

    /// Forwards an event whose data is not a JSON object. It is no end, so the stream goes on.
    #[cold]
    fn unreadable(&mut self, mut event: Event, out: &mut Vec<u8>) -> Result<bool, Error> {
        if let Some(data) = json::mended(&event.data) {
            return self.event(Event { data, ..event }, out);
        }
        let text = event.data.trim_ascii();
        if text.starts_with(b"<") {
            return Err(bad_gateway("the upstream sent a web page in the middle of the response"));
        }
        // A word such as `ping` keeps the stream alive. As a comment it does that for every client.
        if text.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            out.extend([b": ", text, b"\n\n"].concat());
            return Ok(false);
        }
        if self.translator.is_none() {
            event.data = event.data.slice_ref(text);
            sse::write(&event, out);
        }
        Ok(false)
    }

    fn chunk(&mut self, event: Event, out: &mut Vec<u8>) -> Result<bool, Error> {
        if chunk::is_done(&event.data) {
            return Ok(true);
        }
        if event.is_error() {
            return Err(errors::upstream::from_event(&event.data));
        }
        let Ok(chunk) = chunk::inspect(&event.data, &mut self.choices) else {
            return self.unreadable(event, out);
        };
        if chunk.error {
            return Err(errors::upstream::from_event(&event.data));
        }
        self.usage.content_chunks += u64::from(chunk.has_content);
        if let Some(usage) = chunk.usage {
            self.usage.reported = Some(usage);
            if self.hide_usage && chunk.choices_empty {
                return Ok(false);
            }
        }
        if let Some(translator) = &mut self.translator {
            translator.chunk(&event.data, &mut self.translated)?;
            return Ok(false);
        }
        let data = if chunk.null_error { chunk::without_null_error(&event.data) } else { event.data };
        sse::write(&Event { name: event.name, data }, out);
        Ok(false)
    }
}

fn broken(cause: &dyn std::fmt::Display) -> Error {
    let message = "the upstream broke off in the middle of the response";
    bad_gateway(message).cause(format!("the upstream's stream: {cause}"))
}

/// Whether the data of an event is complete: a JSON object, possibly after mending, or `[DONE]`.
fn is_readable(data: &Bytes) -> bool {
    let is_object = |data: &[u8]| json::last_members_in(data, &(0..data.len()), ["type"]).is_ok();
    chunk::is_done(data) || is_object(data) || json::mended(data).is_some_and(|data| is_object(&data))
}
