//! A response that is passed through unchanged, except for the streams of `/v1/responses` and `/v1/messages`.

use std::sync::Arc;
use std::time::Instant;

use http_body_util::BodyExt;
use hyper::Method;
use hyper::header::HeaderMap;
use space_kit::outgoing::PooledBody;
use space_kit::{Body, BoxError, HandlerResult, Response, Sender};
use tokio::time::timeout_at;

use super::{stream, whole};
use crate::clock::Clock;
use crate::errors::upstream::bad_gateway;
use crate::limits::{Held, Slot};
use crate::request::Exchange;
use crate::upstream::{Answer, EventStream, Timeouts};
use crate::usage::{self, UsageRecord};
use crate::wire::dialect::Dialect;
use crate::wire::headers;
use crate::wire::sse::{self, Scanner};

/// The longest event that is checked, in bytes.
const LONGEST_EVENT: usize = 16 << 20;

/// The longest response without a stream whose tokens are counted, in bytes. It is buffered for that.
const LONGEST_COUNTED: usize = 1 << 20;

/// Sends the request and responds with the upstream's response.
///
/// # Errors
///
/// The upstream's error.
pub(crate) async fn respond(mut exchange: Exchange, clock: Clock) -> HandlerResult {
    let answer = match exchange.group.send(&exchange.request).await? {
        Answer::Head(answer) => answer,
        Answer::Whole(answer) => return whole::translated(exchange, answer),
        Answer::Events(_) | Answer::ChatEvents(_) => {
            return Err(bad_gateway("the upstream's response has another form than requested"));
        }
    };
    let (head, body) = answer.into_parts();
    exchange.usage.begun = exchange.request.method == Method::POST; // other methods run no model
    let is_stream = headers::is_event_stream(&head.headers);
    let is_checked = exchange.dialect != Dialect::Other;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = head.status;
    *response.headers_mut() = headers::to_client(&head.headers);
    if is_stream {
        sse::set_headers(response.headers_mut());
    }
    if is_stream && is_checked && !headers::is_compressed(&head.headers) {
        // The client did not ask for a stream, or not in the request's body.
        let (scanner, habits) = (Scanner::new(LONGEST_EVENT), Arc::default());
        let held = exchange.request.held.another();
        let stream = EventStream { headers: HeaderMap::new(), body, scanner, first: None, habits, held };
        *response.body_mut() = Body::produce(move |mut sender| async move {
            stream::forward(&mut sender, exchange, (stream, None), clock).await
        });
        return Ok(response);
    }
    let whole = (is_checked && !is_stream).then(|| Held::new(exchange.request.held.another()));
    let Exchange { group, request, usage, slot, reservation, .. } = exchange;
    let timeouts = group.timeouts();
    let deadline = timeouts.end_of_stream(clock.instant());
    drop((request, reservation));
    let pass_through = PassThrough { body, whole, timeouts, deadline, clock, _slot: slot, usage };
    *response.body_mut() = Body::produce(|sender| pass_through.run(sender));
    Ok(response)
}

/// The body of a response that is passed through.
struct PassThrough {
    body: PooledBody,
    /// What has arrived of a response that is not a stream and reports its tokens.
    whole: Option<Held>,
    timeouts: Timeouts,
    deadline: Instant,
    clock: Clock,
    _slot: Slot,
    usage: UsageRecord,
}

impl PassThrough {
    async fn run(mut self, mut sender: Sender) -> Result<(), BoxError> {
        let cause = loop {
            let until = self.deadline.min(self.clock.instant() + self.timeouts.between_events);
            let data = match timeout_at(until.into(), self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(error))) => break error.to_string(),
                Ok(None) => {
                    usage::update(self.whole.as_ref().map_or(&[], Held::as_ref), &mut self.usage.reported);
                    return Ok(());
                }
                Err(_) => break "it went silent, or took longer than the time limit".to_owned(),
            };
            self.whole = self.whole.filter(|whole| whole.len() + data.len() <= LONGEST_COUNTED);
            // Without memory for it, the tokens are not counted.
            self.whole = self.whole.and_then(|mut whole| whole.push(&data, 0).ok().map(|()| whole));
            sender.send(data).await;
        };
        Err(format!("the upstream's response: {cause}").into())
    }
}
