//! A whole response, which is sent when it is complete.

use hyper::header::CONTENT_TYPE;
use space_kit::{Body, Bytes, HandlerResult, HeaderMap, HeaderName, HeaderValue, Response, respond};

use super::embeddings;
use crate::dialect::{Translation, Translator};
use crate::errors::upstream::bad_gateway;
use crate::limits::{Held, HoldError};
use crate::request::Exchange;
use crate::upstream::{Answer, WholeAnswer};
use crate::usage::UsageRecord;
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

/// The types of hosted tools that were dropped from a request, because no upstream can run them here.
const X_DROPPED_TOOLS: HeaderName = HeaderName::from_static("x-dropped-tools");

/// Responds with the translation of a whole chat completion.
///
/// # Errors
///
/// 502 if it cannot be translated, 429 if there is no memory for the translation.
pub(super) fn translated(mut exchange: Exchange, answer: WholeAnswer) -> HandlerResult {
    let WholeAnswer { head, body, mut held, usage } = answer;
    exchange.usage.begun = true;
    exchange.usage.reported = usage;
    let translator = exchange.request.translation.take().and_then(Translation::into_translator);
    let translator =
        translator.ok_or_else(|| bad_gateway("the upstream's response has another form than requested"))?;
    let mut headers = headers::to_client(&head.headers);
    report_dropped_tools(&translator, &exchange.usage, &mut headers);
    let text = Bytes::from(translator.whole(&body)?.take().concat());
    drop(body);
    held.resize(text.len()).map_err(HoldError::of_response)?;
    headers.insert(CONTENT_TYPE, respond::JSON);
    let mut response = Response::new(Body::from(held.attach(text)));
    *response.headers_mut() = headers;
    Ok(response)
}

/// Reports the tools that were dropped from a request in a header of its response and in the log.
pub(super) fn report_dropped_tools(translator: &Translator, usage: &UsageRecord, headers: &mut HeaderMap) {
    let tools = translator.dropped_tools();
    if !tools.is_empty() {
        usage.log_dropped_tools(tools);
        if let Ok(value) = HeaderValue::try_from(tools) {
            headers.insert(X_DROPPED_TOOLS, value);
        }
    }
}
