//! `POST /v1/chat/completions`, `/v1/completions` and `/v1/embeddings`: a request that is read, sent on with
//! what has to change, and answered whole or as a stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;
use space_kit::header::{HeaderMap, HeaderName, HeaderValue};
use space_kit::{Body, Call, HandlerResult, Response, Running};

use crate::access::not_decided;
use crate::bill::Bill;
use crate::catalogue::unknown;
use crate::chat_body::{Changes, ChatBody};
use crate::config::State;
use crate::intake::{self, Guest};
use crate::limits::{Reservation, Slot};
use crate::upstream::{Job, Lane, Opened, Want, without_pin};
use crate::{demo, embeddings, headers, stream};

/// The seconds that openai's clients say they wait for an answer, or for the next bytes of it.
static CLIENT_WAITS: [HeaderName; 2] =
    [HeaderName::from_static("x-stainless-read-timeout"), HeaderName::from_static("x-stainless-timeout")];

/// The longest body that is read before anybody decided who may send one.
const MAX_DEMO_BYTES: usize = 64 * 1024;

/// The three kinds of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Chat,
    Completion,
    Embedding,
}

impl Kind {
    fn path(self) -> &'static str {
        match self {
            Kind::Chat => "/chat/completions",
            Kind::Completion => "/completions",
            Kind::Embedding => "/embeddings",
        }
    }

    /// The upstreams of this kind.
    pub(crate) fn lane(self, state: &State) -> Option<&Lane> {
        match self {
            Kind::Chat => state.upstreams.main.as_ref(),
            Kind::Completion => state.upstreams.completions(),
            Kind::Embedding => state.upstreams.embeddings(),
        }
    }
}

/// A request on its way, with all that it holds.
pub(crate) struct Errand {
    pub(crate) running: Arc<Running<State>>,
    pub(crate) kind: Kind,
    pub(crate) job: Job,
    pub(crate) bill: Bill,
    pub(crate) slot: Slot,
    /// As long as the body is held.
    pub(crate) reservation: Reservation,
    /// The usage is asked for by us alone.
    pub(crate) hide_usage: bool,
    /// How many choices are asked for.
    pub(crate) choices: usize,
}

/// Answers a request of this kind.
pub(crate) async fn answer(call: Call<State>, kind: Kind) -> HandlerResult {
    if !call.state.access.is_decided() {
        return demo_alone(call, kind).await;
    }
    let guest = intake::admit(&call).await?;
    let answer = serve(call, kind, &guest).await;
    guest.tell(answer)
}

/// Nobody has decided who may use the upstreams: only the demo model is served.
async fn demo_alone(mut call: Call<State>, kind: Kind) -> HandlerResult {
    if kind == Kind::Chat && call.body.announced() <= MAX_DEMO_BYTES {
        let guest = intake::admit_to_demo(&call)?;
        let (text, _reservation) = intake::body(&mut call, MAX_DEMO_BYTES).await?;
        let asked = ChatBody::read(text.clone()).map(|body| body.model).unwrap_or_default();
        if asked.as_deref().or(call.state.catalogue.default_model()) == Some(demo::MODEL) {
            let answer = demo::chat::completion(&call, &guest.caller, &text);
            return guest.tell(answer);
        }
    }
    Err(not_decided())
}

async fn serve(mut call: Call<State>, kind: Kind, guest: &Guest) -> HandlerResult {
    let running = call.running.clone();
    let state = &running.state;
    let (text, reservation) = intake::body(&mut call, running.kit.config.max_body_bytes).await?;
    let body = ChatBody::read(text.clone())?;
    let model = state.catalogue.resolve(body.model.as_deref())?;
    let asked = body.model.as_deref().unwrap_or(&model);
    let is_demo = model == demo::MODEL && !state.catalogue.is_alias(asked);
    let Some(lane) = kind.lane(state).filter(|_| !is_demo) else {
        return match kind {
            Kind::Chat if model == demo::MODEL => demo::chat::completion(&call, &guest.caller, &text),
            Kind::Chat => Err(unknown(&model, &state.catalogue.names())),
            Kind::Completion => Err(demo::only_chats("; for completions set COMPLETIONS_URL")),
            Kind::Embedding => Err(demo::only_chats("; for embeddings set EMBEDDINGS_URL")),
        };
    };
    let slot = state.limits.slots.acquire().await?;
    let streamed = body.stream && kind != Kind::Embedding;
    let renamed = Some(model.as_str()).filter(|name| body.model.as_deref() != Some(name));
    let changes = Changes { model: renamed, usage: streamed, floats: kind == Kind::Embedding };
    let bare = without_pin(&model).filter(|_| lane.knows_pins()).map(str::to_owned);
    let job = Job {
        method: Method::POST,
        path: with_query(kind.path(), &call),
        headers: headers::to_upstream(&call.head.headers),
        body: body.with(changes).into_bytes(),
        relaxed: bare,
        want: if streamed { Want::Events } else { Want::Whole },
        deadline: Instant::now() + patience(&call, lane, streamed),
    };
    let bill = Bill::new(running.clone(), call.id, &guest.caller, asked);
    let hide_usage = streamed && body.include_usage != Some(true);
    let base64 = body.encoding_format.as_deref() == Some("base64");
    let choices = body.choices;
    drop((text, body));
    let errand = Errand { running: running.clone(), kind, job, bill, slot, reservation, hide_usage, choices };
    if streamed { stream::answer(errand).await } else { whole(errand, lane, base64).await }
}

async fn whole(mut errand: Errand, lane: &Lane, base64: bool) -> HandlerResult {
    let Opened::Whole(answer) = lane.open(&errand.job).await? else {
        return Err(stream::upstream_error("the upstream's answer has another form"));
    };
    let (head, mut body) = (answer.head, answer.body);
    errand.bill.answered = true;
    errand.bill.tally.usage = answer.usage;
    if errand.kind == Kind::Embedding && base64 {
        body = embeddings::to_base64(&body)?;
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = head.status;
    *response.headers_mut() = headers::to_client(&head.headers);
    Ok(response)
}

/// The path with the request's query.
pub(crate) fn with_query(path: &str, call: &Call<State>) -> String {
    match call.head.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

/// The time for the whole answer: the operator's, or less where the client says that it waits for less. A
/// stream's client counts from one event to the next.
fn patience(call: &Call<State>, lane: &Lane, streamed: bool) -> Duration {
    let told = CLIENT_WAITS
        .iter()
        .find_map(|name| headers::seconds(&call.head.headers, name).filter(|seconds| !seconds.is_zero()));
    told.filter(|_| !streamed).map_or(lane.waits.total, |told| told.min(lane.waits.total))
}

/// The headers of a stream.
pub(crate) fn event_stream(headers: &mut HeaderMap) {
    use space_kit::header::{CACHE_CONTROL, CONTENT_TYPE};
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Keeps proxies such as nginx from holding a stream back.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
}
