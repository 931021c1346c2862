//! A whole response, which is sent when it is complete.

use hyper::header::CONTENT_TYPE;
use space_kit::{Body, HandlerResult, Response, respond};

use super::embeddings;
use crate::errors::upstream::bad_gateway;
use crate::limits::Held;
use crate::request::Exchange;
use crate::upstream::Answer;
use crate::wire::headers;

/// Sends the request and responds with the whole answer. `base64` converts the numbers of embeddings to
/// base64.
///
/// # Errors
///
/// The upstream's error, or 502 if its embeddings cannot be converted.
pub(crate) async fn respond(mut exchange: Exchange, base64: bool) -> HandlerResult {
    let Answer::Whole(answer) = exchange.group.send(&exchange.request).await? else {
        return Err(bad_gateway("the upstream did not send a whole response"));
    };
    exchange.usage.begun = true;
    exchange.usage.reported = answer.usage;
    let (body, held) = match base64 {
        true => {
            let mut converted = Held::new(answer.held.another());
            embeddings::to_base64(&answer.body, &mut converted)?;
            converted.into_parts()
        }
        false => (answer.body, answer.held),
    };
    let mut response = Response::new(Body::from(held.attach(body)));
    *response.status_mut() = answer.head.status;
    *response.headers_mut() = headers::to_client(&answer.head.headers);
    response.headers_mut().insert(CONTENT_TYPE, respond::JSON); // some upstreams omit it
    Ok(response)
}
