//! A streamed answer, from the first try to its end. The status is held back for a moment, so that an early
//! failure is still an error status; after that a comment keeps the client, whatever the upstream does.

use std::future::Future;
use std::pin::Pin;

use space_kit::{Body, BoxError, Error, HandlerResult, Response, Sender, StatusCode};
use tokio::time::timeout;

use crate::choices::Choices;
use crate::forward::{Errand, event_stream};
use crate::relay::{Relay, error_event};
use crate::upstream::{Opened, Stream, Waits};
use crate::{error, headers, sse};

type Opening = Pin<Box<dyn Future<Output = (Errand, Result<Stream, Error>)> + Send>>;

/// Answers with events.
pub(crate) async fn answer(errand: Errand) -> HandlerResult {
    let lane = errand.kind.lane(&errand.running.state);
    let waits = lane.ok_or_else(|| upstream_error("there is no upstream"))?.waits;
    let mut opening: Opening = Box::pin(open(errand));
    let mut response = Response::new(Body::empty());
    let begun = match timeout(waits.heartbeat, &mut opening).await {
        Ok((errand, stream)) => {
            let stream = stream?;
            *response.headers_mut() = headers::to_client(&stream.headers);
            Begun::Open(Box::new((errand, stream)))
        }
        Err(_) => Begun::Opening(opening),
    };
    event_stream(response.headers_mut());
    *response.body_mut() = Body::produce(move |sender| relay(sender, begun, waits));
    Ok(response)
}

/// How far a stream is when its status is sent.
enum Begun {
    Open(Box<(Errand, Stream)>),
    Opening(Opening),
}

async fn open(mut errand: Errand) -> (Errand, Result<Stream, Error>) {
    let opened = match errand.kind.lane(&errand.running.state) {
        Some(lane) => lane.open(&errand.job).await,
        None => Err(upstream_error("there is no upstream")),
    };
    let stream = opened.and_then(|opened| match opened {
        Opened::Events(stream) => Ok(stream),
        Opened::Whole(_) | Opened::Head(_) => Err(upstream_error("the upstream did not stream")),
    });
    errand.bill.answered = stream.is_ok();
    (errand, stream)
}

async fn relay(mut sender: Sender, begun: Begun, waits: Waits) -> Result<(), BoxError> {
    let (errand, mut stream) = match begun {
        Begun::Open(open) => *open,
        Begun::Opening(mut opening) => {
            sender.send(sse::HEARTBEAT).await;
            let (errand, stream) = loop {
                match timeout(waits.heartbeat, &mut opening).await {
                    Ok(opened) => break opened,
                    Err(_) => sender.send(sse::HEARTBEAT).await,
                }
            };
            match stream {
                Ok(stream) => (errand, stream),
                Err(error) => {
                    sender.send(error_event(&error::body(&error))).await;
                    return Err(error.into_reason().into());
                }
            }
        }
    };
    let Errand { running, kind, mut bill, slot: _slot, job, reservation, hide_usage, choices } = errand;
    let deadline = job.deadline;
    drop((job, reservation, std::mem::take(&mut stream.headers))); // they hold the buffers that they were read into
    let (lane, choices) = (kind.lane(&running.state), Choices::new(choices));
    let mut relay = Relay { lane, waits, deadline, hide_usage, choices, tally: &mut bill.tally };
    relay.run(&mut sender, stream).await
}

/// An answer that is not what was asked for.
pub(crate) fn upstream_error(message: &'static str) -> Error {
    Error::new(StatusCode::BAD_GATEWAY, "upstream_error", message)
}
