//! One attempt at one upstream. Its response is read only as far as needed to know that the attempt
//! succeeded.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{ACCEPT_ENCODING, CONNECTION, HeaderMap, HeaderValue};
use hyper::http::response::Parts;
use hyper::{Request, Response, StatusCode, Uri};
use space_kit::outgoing::{OutgoingError, Pool, PooledBody, collect};
use tokio::time::timeout_at;

use super::address::{Upstream, UpstreamApi};
use super::answer::{Answer, EventStream, WholeAnswer};
use super::attempt_error::{
    AttemptError, broken, error_in_success, named_members, not_held, rejected, silent, unfit,
};
use super::collect::{CollectError, collect_held};
use super::failover::AttemptErrorKind;
use super::habits::Habits;
use super::request::{Expect, UpstreamRequest};
use super::retry_after::retry_after;
use super::wake;
use crate::clock::Clock;
use crate::dialect::ChatForm;
use crate::errors;
use crate::json;
use crate::limits::Reservation;
use crate::wire::chat_body::{with_model, without};
use crate::wire::chunk;
use crate::wire::headers::{X_HF_BILL_TO, is_compressed, is_event_stream, to_client_with_error};
use crate::wire::sse::{Event, Rest, Scanner};

/// The longest event of a stream that is forwarded, in bytes.
const MAX_EVENT_BYTES: usize = 16 << 20;
/// How much of an error response is read, in bytes.
const MAX_ERROR_BYTES: usize = 64 << 10;

const CHAT: &str = "/chat/completions";

/// One attempt at one upstream.
pub(super) struct Attempt<'a> {
    pub(super) request: &'a UpstreamRequest,
    pub(super) upstream: &'a Upstream,
    pub(super) pool: &'a Pool,
    /// The account that Hugging Face bills.
    pub(super) bill_to: Option<&'a HeaderValue>,
    /// Send the model's name without its provider's pin.
    pub(super) without_pin: bool,
    /// What is known of the upstream.
    pub(super) habits: &'a Arc<Habits>,
    /// Do not send it again if a kept connection breaks before the response.
    pub(super) sent_once: bool,
    pub(super) clock: Clock,
}

impl Attempt<'_> {
    /// Runs the attempt, until this time at the latest.
    pub(super) async fn run(&self, until: Instant) -> Result<Answer, AttemptError> {
        timeout_at(until.into(), self.translated()).await.unwrap_or_else(|_| Err(silent(self.upstream)))
    }

    /// Sends the request, or its translation to an upstream that lacks the API.
    async fn translated(&self) -> Result<Answer, AttemptError> {
        let Some(translation) = &self.request.translation else { return self.adapted(None).await };
        let (dialect, api) = (translation.dialect(), self.upstream.api);
        let is_auto = api == UpstreamApi::Auto;
        let now = self.clock.unix();
        if api == UpstreamApi::Native || is_auto && !self.habits.lacks(dialect, now) {
            match self.adapted(None).await {
                Err(error) if is_auto && self.lacks_api(&error) => {}
                outcome => return outcome,
            }
        }
        let chat = translation.chat().map_err(|error| {
            let kind = AttemptErrorKind::Status(error.status, None);
            AttemptError { kind, error }
        })?;
        let answer = self.adapted(Some(chat)).await?;
        self.habits.record_translated(dialect, is_auto, now);
        Ok(match answer {
            Answer::Events(stream) => Answer::ChatEvents(stream),
            other => other,
        })
    }

    /// Whether an error means that the upstream lacks the API, and not the model.
    fn lacks_api(&self, AttemptError { kind, error }: &AttemptError) -> bool {
        let AttemptErrorKind::Status(status, _) = kind else { return false };
        let is_missing = matches!(
            *status,
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
        );
        let names_model = || {
            let model = &self.request.model;
            error.code == "model_not_found" || !model.is_empty() && error.message.contains(model.as_str())
        };
        is_missing && !names_model()
    }

    /// Some upstreams reject members that the gateway adds: they get the request once more without, and no later
    /// request has them.
    async fn adapted(&self, chat: Option<&ChatForm>) -> Result<Answer, AttemptError> {
        let optional = match chat {
            Some(_) => u8::MAX,
            None => u8::from(self.request.adds_options),
        };
        let model = &self.request.model;
        let mut removed = if optional == 0 { 0 } else { optional & self.habits.rejected(model) };
        loop {
            let outcome = self.send(chat, removed).await;
            let named = outcome.as_ref().err().map_or(0, |failed| named_members(&failed.error));
            let named = named & optional & !removed;
            if named == 0 {
                return outcome;
            }
            self.habits.record_rejected(model, named);
            removed |= named;
        }
    }

    async fn send(&self, chat: Option<&ChatForm>, removed: u8) -> Result<Answer, AttemptError> {
        let (upstream, mut expect) = (self.upstream, self.request.expect);
        if chat.is_some() && expect == Expect::Head {
            expect = Expect::Whole;
        }
        let response = self.pool.send(&upstream.origin, &|| self.http_request(chat, removed)).await;
        let response = response.map_err(|error| {
            let kind = match &error {
                OutgoingError::Connect { .. } | OutgoingError::ConnectTimeout { .. } => {
                    AttemptErrorKind::Unreachable
                }
                _ => AttemptErrorKind::Broken,
            };
            AttemptError { kind, ..broken(error) }
        })?;
        let headers = response.headers();
        if !response.status().is_success() {
            let (head, body) = response.into_parts();
            let body = collect(body, MAX_ERROR_BYTES).await.unwrap_or_default();
            return Err(self.error_response(&head, &body, chat.map_or(&self.request.path, |_| CHAT)));
        }
        if expect != Expect::Head && is_compressed(headers) {
            return Err(unfit(
                upstream,
                "the upstream compressed its response, although the request forbids it",
            ));
        }
        let is_events = is_event_stream(headers);
        match expect {
            Expect::Head => Ok(Answer::Head(response)),
            Expect::Events if is_events => first_event(response, self).await.map(Answer::Events),
            Expect::Whole if is_events => {
                Err(unfit(upstream, "the upstream streamed, but the request was for a whole response"))
            }
            Expect::Events | Expect::Whole => {
                let whole = self.whole(response).await?;
                if expect == Expect::Events {
                    return Err(unfit(
                        upstream,
                        "the upstream did not stream, but the request was for a stream",
                    ));
                }
                Ok(Answer::Whole(whole))
            }
        }
    }

    fn http_request(&self, chat: Option<&ChatForm>, removed: u8) -> Request<Bytes> {
        let UpstreamRequest { method, headers, model_without_pin, .. } = self.request;
        let (path, body) = match chat {
            Some(chat) => (CHAT, &chat.body),
            None => (self.request.path.as_str(), &self.request.body),
        };
        let mut body = match model_without_pin.as_deref().filter(|_| self.without_pin) {
            Some(model) => with_model(body, model), // the body is copied only in this case
            None => body.clone(),
        };
        if removed != 0 {
            body = without(&body, removed);
        }
        let mut request = Request::new(body);
        *request.method_mut() = method.clone();
        *request.uri_mut() = Uri::try_from(self.upstream.target(path)).unwrap_or_default();
        *request.headers_mut() = headers.clone();
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // On a connection of its own, the request is sent once.
        if self.sent_once {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let payer = self.request.payer.as_ref();
        self.upstream.add_headers(path, payer, request.headers_mut());
        if let (Some(bill_to), None, true) = (self.bill_to, payer, self.upstream.is_hugging_face()) {
            request.headers_mut().insert(X_HF_BILL_TO, bill_to.clone());
        }
        request
    }

    async fn whole(&self, response: Response<PooledBody>) -> Result<WholeAnswer, AttemptError> {
        let (head, body) = response.into_parts();
        let collected = collect_held(body, self.request.held.another()).await;
        let (mut body, held) = collected.map_err(|error| match error {
            CollectError::Body(cause) => broken(format!("{:?} {cause}", self.upstream)),
            CollectError::NotHeld(error) => not_held(error),
        })?;
        let mut chunk = chunk::inspect_whole(&body);
        if chunk.is_err()
            && let Some(mended) = json::mended(&body)
        {
            chunk = chunk::inspect_whole(&mended);
            body = if chunk.is_ok() { mended } else { body };
        }
        match chunk {
            Ok(chunk) if chunk.error => Err(error_in_success(&head.headers, &body)),
            Ok(chunk) => Ok(WholeAnswer { head, body, held, usage: chunk.usage }),
            Err(_) => Err(self.error_response(&head, &body, "")),
        }
    }

    /// The error for a response with an error status, or whose body is not JSON.
    fn error_response(&self, head: &Parts, body: &[u8], path: &str) -> AttemptError {
        let upstream = self.upstream;
        let wait = retry_after(&head.headers, self.clock.unix());
        let error = errors::upstream::normalise(head.status, &head.headers, body, wait);
        let path = path.split('?').next().unwrap_or_default();
        let is_unusual_base = head.status == StatusCode::NOT_FOUND && !upstream.base.ends_with("/v1");
        let hint = if is_unusual_base { "; base URLs usually end in /v1" } else { "" };
        let mut error = error.cause(format!("{upstream:?}{path} answered {}{hint}", head.status));
        error.headers.extend(to_client_with_error(&head.headers));
        let asleep = wake::asleep(upstream, head.status, &head.headers, body);
        let is_error = head.status.is_client_error() || head.status.is_server_error();
        let status = if is_error { head.status } else { error.status };
        AttemptError { kind: asleep.unwrap_or_else(|| rejected(status, wait, &error)), error }
    }
}

/// Reads a stream up to its first event.
async fn first_event(
    response: Response<PooledBody>,
    attempt: &Attempt<'_>,
) -> Result<EventStream, AttemptError> {
    let (upstream, mut held) = (attempt.upstream, attempt.request.held.another());
    let (head, mut body) = response.into_parts();
    let mut scanner = Scanner::new(MAX_EVENT_BYTES);
    loop {
        if let Some(first) = scanner.next_event() {
            return begin(head.headers, body, scanner, first, attempt.habits.clone(), held);
        }
        match body.frame().await {
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else { continue };
                scanner.push(&data).map_err(|error| broken(format!("{upstream:?}: {error}")))?;
                held.resize_if_long(scanner.held()).map_err(not_held)?;
            }
            Some(Err(error)) => return Err(broken(format!("{upstream:?} broke off: {error}"))),
            None => match scanner.finish() {
                Rest::Event(first) => {
                    return begin(head.headers, body, scanner, first, attempt.habits.clone(), held);
                }
                _ => return Err(broken(format!("{upstream:?} ended a stream before its first event"))),
            },
        }
    }
}

/// A stream whose first event is an error is a failed attempt.
fn begin(
    headers: HeaderMap,
    body: PooledBody,
    scanner: Scanner,
    first: Event,
    habits: Arc<Habits>,
    held: Reservation,
) -> Result<EventStream, AttemptError> {
    let is_error = first.is_error() || chunk::inspect_whole(&first.data).is_ok_and(|chunk| chunk.error);
    if is_error {
        return Err(error_in_success(&headers, &first.data));
    }
    Ok(EventStream { headers, body, scanner, first: Some(first), habits, held })
}
