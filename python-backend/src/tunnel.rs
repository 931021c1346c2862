//! Everything else under `/v1`: passed to the upstream and back as it is. Of `/v1/responses` and
//! `/v1/messages` the streams are watched for their end, so that a cut one never looks whole.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::Method;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use space_kit::outgoing::PooledBody;
use space_kit::{Body, BoxError, Call, Error, HandlerResult, Response, Sender, StatusCode};
use tokio::time::timeout_at;

use crate::bill::Bill;
use crate::chat_body::ChatBody;
use crate::config::State;
use crate::forward::{event_stream, with_query};
use crate::intake::{self, Guest};
use crate::limits::Slot;
use crate::relay::FINISH;
use crate::sse::Scanner;
use crate::stream::upstream_error;
use crate::upstream::{Job, Opened, Waits, Want};
use crate::watch::Watch;
use crate::{demo, headers, tokens};

/// The longest event that is watched, in bytes.
const LONGEST_EVENT: usize = 16 << 20;

/// Paths whose answers are looked at on their way: any other spelling of one is refused.
const LOOKED_AT: &[&str] =
    &["/chat/completions", "/completions", "/embeddings", "/messages", "/models", "/responses"];

/// The longest answer that is no stream whose tokens are counted, in bytes: it is held for that.
const LONGEST_COUNTED: usize = 1 << 20;

/// Passes a request on.
pub(crate) async fn pass(mut call: Call<State>) -> HandlerResult {
    let guest = intake::admit(&call).await?;
    let answer = forward(&mut call, &guest).await;
    guest.tell(answer)
}

async fn forward(call: &mut Call<State>, guest: &Guest) -> HandlerResult {
    let running = call.running.clone();
    let path = path(&call.head)?;
    let Some(lane) = running.state.upstreams.main.as_ref() else {
        let message = "there is no upstream here, so /v1/models and /v1/chat/completions of the demo model are all \
                       that is served";
        return Err(Error::new(StatusCode::NOT_FOUND, "unknown_url", message));
    };
    let (text, reservation) = intake::body(call, running.kit.config.max_body_bytes).await?;
    let (body, model) = checked(&running.state, text)?;
    let slot = running.state.limits.slots.acquire().await?;
    let deadline = Instant::now() + lane.waits.total;
    let mut headers = headers::to_upstream(&call.head.headers);
    if body.is_empty() {
        headers.remove(CONTENT_TYPE);
    }
    let job = Job {
        method: call.head.method.clone(),
        path: with_query(&path, call),
        headers,
        body,
        relaxed: None,
        want: Want::Head,
        deadline,
    };
    let Opened::Head(answer) = lane.open(&job).await? else {
        return Err(upstream_error("the upstream's answer has another form"));
    };
    let model = if model.is_empty() { "unknown" } else { model.as_str() };
    let mut bill = Bill::new(running.clone(), call.id.clone(), &guest.caller, model);
    bill.answered = job.method == Method::POST; // others ask no model
    drop((job, reservation));
    let (head, body) = answer.into_parts();
    let is_stream = headers::is_event_stream(&head.headers);
    let watch = Watch::of(&path);
    let whole = watch.as_ref().filter(|_| !is_stream).map(|_| BytesMut::new());
    let watch = watch.filter(|_| is_stream);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = head.status;
    *response.headers_mut() = headers::to_client(&head.headers);
    if is_stream {
        event_stream(response.headers_mut());
    }
    let passage = Passage { body, watch, whole, waits: lane.waits, deadline, _slot: slot, bill };
    *response.body_mut() = Body::produce(|sender| passage.run(sender));
    Ok(response)
}

/// The path below `/v1`, unless it leads elsewhere for some reader of it: the upstream's key goes with it, and
/// what is looked at here must not pass as something else.
fn path(head: &Parts) -> Result<String, Error> {
    let path = head.uri.path();
    let below = path.strip_prefix("/v1").unwrap_or(path);
    let leaves = below.split('/').any(|segment| matches!(segment, "." | ".."));
    if leaves || below.contains('\\') || below.split('%').skip(1).any(is_plain) {
        let message = "the path has . or .. segments, or encoded what needs no encoding: write it out";
        return Err(Error::new(StatusCode::BAD_REQUEST, "invalid_path", message));
    }
    let mut meant = String::new();
    for segment in below.split('/').filter(|segment| !segment.is_empty()) {
        meant.extend(["/", segment]);
    }
    meant.make_ascii_lowercase();
    if meant != below && LOOKED_AT.contains(&meant.as_str()) {
        let message = format!("there is nothing at this path; you may mean /v1{meant}");
        return Err(Error::new(StatusCode::NOT_FOUND, "unknown_url", message));
    }
    Ok(below.to_owned())
}

/// Whether what follows a % is no code, or that of a character which means the same without (RFC 3986, section
/// 2.3), or which ends a segment for some.
fn is_plain(code: &str) -> bool {
    let digit = |at| char::from(*code.as_bytes().get(at)?).to_digit(16);
    let byte = digit(0).zip(digit(1)).and_then(|(high, low)| char::from_u32(high << 4 | low));
    byte.is_none_or(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '/' | '\\'))
}

/// The body with the model that its alias stands for, and the name that was asked for.
fn checked(state: &State, text: Bytes) -> Result<(Bytes, String), Error> {
    if text.is_empty() {
        return Ok((text, String::new()));
    }
    let is_json = text.trim_ascii_start().starts_with(b"{");
    if !is_json && state.catalogue.is_limited() {
        let message =
            "MODELS is set here, so that only JSON bodies are accepted: a model elsewhere cannot be checked";
        return Err(Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
    }
    if !is_json {
        return Ok((text, String::new()));
    }
    let body = ChatBody::read(text.clone())?;
    let asked = body.model.as_deref().or(state.catalogue.default_model());
    if asked.is_none() && !state.catalogue.is_limited() {
        return Ok((text, String::new()));
    }
    let model = state.catalogue.resolve(asked)?;
    let asked = asked.unwrap_or_default().to_owned();
    if model == demo::MODEL && !state.catalogue.is_alias(&asked) {
        return Err(demo::only_chats(""));
    }
    Ok((
        if body.model.as_deref() == Some(model.as_str()) {
            text
        } else {
            body.with_model(&model).into_bytes()
        },
        asked,
    ))
}

/// An answer's body on its way.
struct Passage {
    body: PooledBody,
    watch: Option<Watch>,
    /// What came of an answer that is no stream and tells of its tokens.
    whole: Option<BytesMut>,
    waits: Waits,
    deadline: Instant,
    _slot: Slot,
    bill: Bill,
}

impl Passage {
    async fn run(mut self, mut sender: Sender) -> Result<(), BoxError> {
        let mut scanner = Scanner::new(LONGEST_EVENT);
        let mut rest_until = None; // once the last event was there: nothing is lost any more
        let cause = loop {
            let patience = || Instant::now() + self.waits.between_events;
            let until = self.deadline.min(rest_until.unwrap_or_else(patience));
            let data = match timeout_at(until.into(), self.body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                _ if rest_until.is_some() => return Ok(()),
                Ok(Some(Err(error))) => break error.to_string(),
                Ok(None) if self.watch.is_none() => {
                    tokens::note(self.whole.as_deref().unwrap_or_default(), &mut self.bill.tally.usage);
                    return Ok(());
                }
                Ok(None) => break "it ended before its last event".to_owned(),
                Err(_) => break "it went silent, or took longer than is allowed".to_owned(),
            };
            if let Some(watch) = &mut self.watch {
                scanner.push(&data)?;
                while let Some(event) = scanner.next_event() {
                    watch.see(&event);
                    tokens::note(&event.data, &mut self.bill.tally.usage);
                }
                if watch.is_over() {
                    rest_until.get_or_insert_with(|| Instant::now() + FINISH);
                }
            }
            self.whole = self.whole.filter(|whole| whole.len() + data.len() <= LONGEST_COUNTED);
            if let Some(whole) = &mut self.whole {
                whole.extend_from_slice(&data);
            }
            sender.send(data).await;
        };
        if let Some(event) = self.watch.as_ref().map(Watch::error_event) {
            sender.send(event).await;
        }
        Err(format!("the upstream's answer: {cause}").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(uri: &str) -> Result<String, Error> {
        path(&hyper::Request::get(uri).body(()).unwrap().into_parts().0)
    }

    #[test]
    fn a_path_stays_below_the_upstreams_base() {
        assert_eq!(below("/v1/files/a.b/content?x=..").unwrap(), "/files/a.b/content");
        for leaving in
            ["/v1/../admin", "/v1/a/./b", "/v1/%2e%2E/x", "/v1/.%2e/x", "/v1/a%2Fb", "/v1/a%5cb", "/v1/.."]
        {
            assert_eq!(below(leaving).unwrap_err().code, "invalid_path", "{leaving}");
        }
    }

    #[test]
    fn another_spelling_of_what_is_looked_at_is_refused_with_the_right_one() {
        for odd in [
            "/v1/chat/completions/",
            "/v1//chat/completions",
            "/v1/chat//completions//",
            "/v1/Chat/Completions",
            "/v1/responses/",
            "/v1/MESSAGES",
            "/v1/models/",
        ] {
            let error = below(odd).unwrap_err();
            let right = odd.to_ascii_lowercase().replace("//", "/");
            assert_eq!((error.status.as_u16(), error.code), (404, "unknown_url"), "{odd}");
            assert!(error.message.ends_with(right.trim_end_matches('/')), "{}", error.message);
        }
        for odd in ["/v1/chat/completion%73", "/v1/%72esponses", "/v1/messages%", "/v1/messages%4"] {
            assert_eq!(below(odd).unwrap_err().code, "invalid_path", "{odd}");
        }
        for other in ["/v1/responses", "/v1/messages/count_tokens", "/v1/files/", "/v1/files/a%20b%C3%A9"] {
            assert!(below(other).is_ok(), "{other}");
        }
    }
}
