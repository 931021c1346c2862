//! `POST /v1/chat/completions`, `/v1/completions` and `/v1/embeddings`: the request is read, changed where
//! necessary and sent to an upstream, and the response is sent whole or as a stream.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use space_kit::header::HeaderName;
use space_kit::{Call, HandlerResult};

use crate::access::not_configured;
use crate::catalogue::DEMO_MODEL;
use crate::demo;
use crate::request::{Admitted, Exchange, admission, body, model_rules};
use crate::response::{stream, whole};
use crate::state::State;
use crate::upstream::{Expect, UpstreamGroup, UpstreamRequest, without_pin};
use crate::usage::UsageRecord;
use crate::wire::chat_body::{Changes, ChatBody};
use crate::wire::dialect::Dialect;
use crate::wire::{affinity::affinity, azure_path, headers};

/// Headers in which OpenAI's clients send how long they wait for a response, or for its next bytes, in
/// seconds.
static CLIENT_TIMEOUTS: [HeaderName; 2] =
    [HeaderName::from_static("x-stainless-read-timeout"), HeaderName::from_static("x-stainless-timeout")];

/// The longest body that is read while access is not configured.
const MAX_DEMO_BYTES: usize = 64 * 1024;

/// The three kinds of inference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inference {
    Chat,
    Completion,
    Embedding,
}

impl Inference {
    fn path(self) -> &'static str {
        match self {
            Inference::Chat => "/chat/completions",
            Inference::Completion => "/completions",
            Inference::Embedding => "/embeddings",
        }
    }

    /// The upstreams for this kind.
    fn group(self, state: &State) -> Option<&Arc<UpstreamGroup>> {
        match self {
            Inference::Chat => state.upstreams.main(),
            Inference::Completion => state.upstreams.completions(),
            Inference::Embedding => state.upstreams.embeddings(),
        }
    }
}

/// Responds to a request of this kind.
///
/// # Errors
///
/// An error of admission, 400 or 404 for the request's body, or the upstream's error.
pub(crate) async fn respond(call: Call<State>, kind: Inference) -> HandlerResult {
    if !call.state.access.is_configured() {
        return demo_only(call, kind).await;
    }
    let admitted = admission::admit(&call).await?;
    let result = serve(call, kind, &admitted).await;
    admitted.with_rate_headers(result)
}

/// Access is not configured: only the demo model is served.
async fn demo_only(mut call: Call<State>, kind: Inference) -> HandlerResult {
    if kind == Inference::Chat && call.body.announced() <= MAX_DEMO_BYTES {
        let admitted = admission::admit_to_demo(&call)?;
        let (text, _reservation) = body::read(&mut call, &admitted, MAX_DEMO_BYTES).await?;
        let model = ChatBody::read(text.clone()).map(|body| body.model).unwrap_or_default();
        if model.as_deref().or(call.state.catalogue.default_model()) == Some(DEMO_MODEL) {
            let result = demo_model(&call, &admitted, &text);
            return admitted.with_rate_headers(result);
        }
    }
    Err(not_configured())
}

async fn serve(mut call: Call<State>, kind: Inference, admitted: &Admitted) -> HandlerResult {
    let running = call.running.clone();
    let state = &running.state;
    let (text, reservation) = body::read(&mut call, admitted, running.kit.config.max_body_bytes).await?;
    if state.catalogue.is_limited() {
        model_rules::check(kind.path(), call.head.uri.query(), &text)?;
    }
    let body = ChatBody::read(text.clone())?;
    let deployment = azure_path::deployment(call.head.uri.path())?;
    let asked = deployment.as_deref().or(body.model.as_deref());
    let model = state.catalogue.resolve(asked)?;
    let requested = asked.unwrap_or(&model);
    let is_demo = model == DEMO_MODEL && !state.catalogue.is_alias(requested);
    let Some(group) = kind.group(state).filter(|_| !is_demo) else {
        return match kind {
            Inference::Chat if model == DEMO_MODEL => demo_model(&call, admitted, &text),
            Inference::Chat => Err(state.catalogue.not_found(&model)),
            Inference::Completion => Err(demo::only_chats("; for completions set COMPLETIONS_URL")),
            Inference::Embedding => Err(demo::only_chats("; for embeddings set EMBEDDINGS_URL")),
        };
    };
    let payer = admitted.caller.payer.token(&call.head.headers)?;
    let slot = state.limits.slots.acquire(admitted.id).await?;
    let streamed = body.stream && kind != Inference::Embedding;
    let renamed = Some(model.as_str()).filter(|name| body.model.as_deref() != Some(name));
    let changes = Changes { model: renamed, usage: streamed, floats: kind == Inference::Embedding };
    let request = UpstreamRequest {
        method: Method::POST,
        path: azure_path::with_query(kind.path(), &call.head.uri),
        headers: headers::to_upstream(&call.head.headers, &state.forwarded),
        body: body.with(changes).into_bytes(),
        model_without_pin: without_pin(&model).filter(|_| group.knows_pins()).map(str::to_owned),
        adds_options: streamed && body.adds_options(),
        expect: if streamed { Expect::Events } else { Expect::Whole },
        repeatable: true,
        client_repeats: headers::is_repetition(&call.head.headers),
        affinity: match group.has_replicas() {
            true => affinity(&admitted.caller.label, &model, &call.head.headers, &text),
            false => 0,
        },
        model: model.clone(),
        deadline: state.clock.instant() + patience(&call, group, streamed),
        translation: None,
        held: state.limits.answers.reserve(admitted.id),
        payer,
    };
    let usage =
        UsageRecord::new(state.usage.clone(), running.kit.log, call.id, &admitted.caller.label, requested);
    let hide_usage = streamed && body.include_usage != Some(true);
    let base64 = kind == Inference::Embedding && body.encoding_format.as_deref() == Some("base64");
    let (group, choices) = (group.clone(), body.choices);
    drop((text, body));
    let dialect = Dialect::Chat;
    let exchange = Exchange { group, request, dialect, usage, slot, reservation, hide_usage, choices };
    match streamed {
        true => stream::respond(exchange, state.clock).await,
        false => whole::respond(exchange, base64).await,
    }
}

fn demo_model(call: &Call<State>, admitted: &Admitted, body: &[u8]) -> HandlerResult {
    let state = &call.state;
    let id = call.id.clone();
    let usage = UsageRecord::new(state.usage.clone(), call.kit.log, id, &admitted.caller.label, DEMO_MODEL);
    let chatcmpl_id = format!("chatcmpl-{}", call.id.to_str().unwrap_or_default());
    demo::chat(body, chatcmpl_id, state.clock.unix(), state.demo_delay, usage, None)
}

/// The time for the whole response: the operator's limit, or the client's if that is shorter. The client's
/// does not apply to streams, where it counts from one event to the next.
fn patience(call: &Call<State>, group: &UpstreamGroup, streamed: bool) -> Duration {
    let total = group.timeouts().total;
    let client = CLIENT_TIMEOUTS
        .iter()
        .find_map(|name| headers::seconds(&call.head.headers, name).filter(|seconds| !seconds.is_zero()));
    client.filter(|_| !streamed).map_or(total, |client| client.min(total))
}
