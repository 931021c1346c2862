//! A streamed response, from the first attempt to its end. The status is held back for one heartbeat, so that
//! an early failure is still an HTTP error. After that, comments keep the client's connection alive while
//! attempts go on.

use std::future::Future;
use std::pin::Pin;

use space_kit::{Body, BoxError, Error, HandlerResult, HeaderMap, Response, Sender};
use tokio::time::timeout;

use super::relay::Relay;
use super::terminal_event::TerminalEventFinder;
use super::whole::report_dropped_tools;
use crate::clock::Clock;
use crate::dialect::{Output, Translation, Translator};
use crate::errors::upstream::bad_gateway;
use crate::request::Exchange;
use crate::upstream::{Answer, EventStream, Timeouts};
use crate::wire::choices::Choices;
use crate::wire::dialect::Dialect;
use crate::wire::{headers, sse};

/// A stream, and the translator if the client speaks another API.
type OpenStream = (EventStream, Option<Box<Translator>>);
type Opening = Pin<Box<dyn Future<Output = (Exchange, Result<OpenStream, Error>)> + Send>>;

/// Sends the request and responds with events.
///
/// # Errors
///
/// The upstream's error, if it arrives within one heartbeat. A later error is an event in the stream.
pub(crate) async fn respond(exchange: Exchange, clock: Clock) -> HandlerResult {
    let (timeouts, dialect) = (exchange.group.timeouts(), exchange.dialect);
    let mut opening: Opening = Box::pin(open(exchange));
    let mut response = Response::new(Body::empty());
    let begun = match timeout(timeouts.heartbeat, &mut opening).await {
        Ok((exchange, stream)) => {
            let (stream, translator) = stream?;
            *response.headers_mut() = headers::to_client(&stream.headers);
            if let Some(translator) = &translator {
                report_dropped_tools(translator, &exchange.usage, response.headers_mut());
            }
            Begun::Open(Box::new((exchange, (stream, translator))))
        }
        Err(_) => Begun::Opening(opening),
    };
    sse::set_headers(response.headers_mut());
    *response.body_mut() = Body::produce(move |sender| relay(sender, begun, dialect, timeouts, clock));
    Ok(response)
}

/// How far a stream is when its status is sent.
enum Begun {
    Open(Box<(Exchange, OpenStream)>),
    Opening(Opening),
}

async fn open(mut exchange: Exchange) -> (Exchange, Result<OpenStream, Error>) {
    let answer = exchange.group.send(&exchange.request).await;
    let translation = exchange.request.translation.take();
    let stream = answer.and_then(|answer| match answer {
        Answer::Events(stream) => Ok((stream, None)),
        Answer::ChatEvents(stream) => {
            Ok((stream, translation.and_then(Translation::into_translator).map(Box::new)))
        }
        Answer::Whole(_) | Answer::Head(_) => Err(bad_gateway("the upstream did not stream")),
    });
    exchange.usage.begun = stream.is_ok();
    (exchange, stream)
}

async fn relay(
    mut sender: Sender,
    begun: Begun,
    dialect: Dialect,
    timeouts: Timeouts,
    clock: Clock,
) -> Result<(), BoxError> {
    let (exchange, stream) = match begun {
        Begun::Open(open) => *open,
        Begun::Opening(mut opening) => {
            sender.send(dialect.heartbeat()).await;
            let (exchange, stream) = loop {
                match timeout(timeouts.heartbeat, &mut opening).await {
                    Ok(opened) => break opened,
                    Err(_) => sender.send(dialect.heartbeat()).await,
                }
            };
            match stream {
                Ok(stream) => {
                    if let Some(translator) = &stream.1 {
                        // The head has been sent.
                        report_dropped_tools(translator, &exchange.usage, &mut HeaderMap::new());
                    }
                    (exchange, stream)
                }
                Err(error) => {
                    sender.send(dialect.error_event(&error)).await;
                    return Err(error.into_reason().into());
                }
            }
        }
    };
    forward(&mut sender, exchange, stream, clock).await
}

/// Forwards a stream that has begun.
///
/// # Errors
///
/// If the stream fails. The error has been sent as an event, and aborts the connection.
pub(super) async fn forward(
    sender: &mut Sender,
    exchange: Exchange,
    (mut stream, translator): OpenStream,
    clock: Clock,
) -> Result<(), BoxError> {
    let Exchange { group, mut usage, slot: _slot, mut request, dialect, reservation, hide_usage, choices } =
        exchange;
    let timeouts = group.timeouts();
    let deadline = timeouts.end_of_stream(clock.instant());
    let payer = request.payer.take();
    drop((request, reservation, std::mem::take(&mut stream.headers))); // they hold the buffers they were read into
    let choices = Choices::new(choices);
    let terminal = TerminalEventFinder::new(dialect);
    let (usage, heartbeat, translated) = (&mut usage, dialect.heartbeat(), Output::default());
    let dialect = if translator.is_some() { Dialect::Chat } else { dialect };
    let mut relay = Relay {
        group: &group,
        payer,
        timeouts,
        deadline,
        hide_usage,
        dialect,
        heartbeat,
        choices,
        terminal,
        usage,
        clock,
        translator,
        translated,
    };
    relay.run(sender, stream).await
}
