//! A response that is passed through unchanged. Streams of `/v1/responses` and `/v1/messages` are checked for
//! their terminal event, so that a stream that broke off never looks complete.

use std::time::Instant;

use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::Method;
use space_kit::outgoing::PooledBody;
use space_kit::{Body, BoxError, HandlerResult, Response, Sender};
use tokio::time::timeout_at;

use super::relay::FINISH;
use super::terminal_event::TerminalEventFinder;
use crate::clock::Clock;
use crate::errors::upstream::bad_gateway;
use crate::limits::Slot;
use crate::request::Exchange;
use crate::upstream::{Answer, Timeouts};
use crate::usage::{self, UsageRecord};
use crate::wire::headers;
use crate::wire::sse::{self, Scanner};

/// The longest event that is checked, in bytes.
const LONGEST_EVENT: usize = 16 << 20;

/// The longest response without a stream whose tokens are counted, in bytes. It is buffered for that.
const LONGEST_COUNTED: usize = 1 << 20;

/// Sends the request and responds with the upstream's response. `path` is the request's path below `/v1`.
///
/// # Errors
///
/// The upstream's error.
pub(crate) async fn respond(exchange: Exchange, path: &str, clock: Clock) -> HandlerResult {
    let Answer::Head(answer) = exchange.group.send(&exchange.request).await? else {
        return Err(bad_gateway("the upstream's response has another form than requested"));
    };
    let (head, body) = answer.into_parts();
    let Exchange { group, request, mut usage, slot, reservation, .. } = exchange;
    let timeouts = group.timeouts();
    let deadline = timeouts.end_of_stream(clock.instant());
    usage.begun = request.method == Method::POST; // other methods run no model
    drop((request, reservation));
    let is_stream = headers::is_event_stream(&head.headers);
    let finder = TerminalEventFinder::of(path);
    let whole = finder.as_ref().filter(|_| !is_stream).map(|_| BytesMut::new());
    let finder = finder.filter(|_| is_stream);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = head.status;
    *response.headers_mut() = headers::to_client(&head.headers);
    if is_stream {
        sse::set_headers(response.headers_mut());
    }
    let pass_through = PassThrough { body, finder, whole, timeouts, deadline, clock, _slot: slot, usage };
    *response.body_mut() = Body::produce(|sender| pass_through.run(sender));
    Ok(response)
}

/// The body of a response that is passed through.
struct PassThrough {
    body: PooledBody,
    finder: Option<TerminalEventFinder>,
    /// What has arrived of a response that is not a stream and reports its tokens.
    whole: Option<BytesMut>,
    timeouts: Timeouts,
    deadline: Instant,
    clock: Clock,
    _slot: Slot,
    usage: UsageRecord,
}

impl PassThrough {
    async fn run(mut self, mut sender: Sender) -> Result<(), BoxError> {
        let mut scanner = Scanner::new(LONGEST_EVENT);
        let mut rest_until = None; // set after the terminal event, when nothing can be lost any more
        let cause = loop {
            let patience = || self.clock.instant() + self.timeouts.between_events;
            let until = self.deadline.min(rest_until.unwrap_or_else(patience));
            let data = match timeout_at(until.into(), self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                _ if rest_until.is_some() => return Ok(()),
                Ok(Some(Err(error))) => break error.to_string(),
                Ok(None) if self.finder.is_none() => {
                    usage::update(self.whole.as_deref().unwrap_or_default(), &mut self.usage.reported);
                    return Ok(());
                }
                Ok(None) => break "it ended before its last event".to_owned(),
                Err(_) => break "it went silent, or took longer than the time limit".to_owned(),
            };
            if let Some(finder) = &mut self.finder {
                scanner.push(&data)?;
                while let Some(event) = scanner.next_event() {
                    finder.check(&event);
                    usage::update(&event.data, &mut self.usage.reported);
                }
                if finder.has_found() {
                    rest_until.get_or_insert_with(|| self.clock.instant() + FINISH);
                }
            }
            self.whole = self.whole.filter(|whole| whole.len() + data.len() <= LONGEST_COUNTED);
            if let Some(whole) = &mut self.whole {
                whole.extend_from_slice(&data);
            }
            sender.send(data).await;
        };
        if let Some(event) = self.finder.as_ref().map(TerminalEventFinder::error_event) {
            sender.send(event).await;
        }
        Err(format!("the upstream's response: {cause}").into())
    }
}
