//! `POST /v1/responses` and `/v1/messages`: the translation for upstreams that have only chat completions, and the demo
//! model.

use bytes::Bytes;
use hyper::Method;
use hyper::http::request::Parts;
use serde_json::json;
use space_kit::{Call, HandlerResult, respond};

use crate::access::not_configured;
use crate::catalogue::DEMO_MODEL;
use crate::demo;
use crate::dialect::{ResponseContext, Translation};
use crate::request::{Admitted, admission, body};
use crate::state::State;
use crate::usage::UsageRecord;
use crate::wire::azure_path;
use crate::wire::chat_body::ChatBody;
use crate::wire::dialect::Dialect;

/// The longest body that is read while access is not configured. An agent's first request has 40 to 80 KB. What is longer
/// than 64 KiB shares the memory of long bodies, of which no caller can take all.
const MAX_DEMO_BYTES: usize = 256 * 1024;

/// The API of a request; `Other` unless it creates a response or a message.
pub(super) fn of(head: &Parts) -> Dialect {
    match head.method {
        Method::POST => Dialect::of(azure_path::below(head.uri.path())),
        _ => Dialect::Other,
    }
}

/// The translation of a request with this body. `model` is the name that the client used. `None` if the request has no
/// other form.
pub(super) fn translation(
    call: &Call<State>,
    dialect: Dialect,
    body: &Bytes,
    model: &str,
    streams: bool,
) -> Option<Translation> {
    if dialect == Dialect::Other || !body.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let context = ResponseContext {
        id: call.id.to_str().unwrap_or_default().to_owned(),
        created: call.state.clock.unix(),
        model: model.to_owned(),
        limit: call.state.limits.answer,
    };
    Some(Translation::new(dialect, body.clone(), streams, context))
}

/// Whether a request asks how many tokens a request of `/v1/messages` has.
pub(super) fn counts_tokens(head: &Parts) -> bool {
    head.method == Method::POST && azure_path::below(head.uri.path()) == "/messages/count_tokens"
}

/// Responds with an estimate, instead of an upstream that cannot count tokens.
///
/// # Errors
///
/// 400 if the body is not a request of `/v1/messages`.
pub(super) fn count_tokens(call: &Call<State>, text: &Bytes) -> HandlerResult {
    ChatBody::read(text.clone())?;
    let translation = translation(call, Dialect::Messages, text, "", false);
    let tokens = translation.map_or(Ok(0), |translation| translation.tokens())?;
    Ok(respond::json(&json!({"input_tokens": tokens})))
}

/// Whether a request asks the demo model.
pub(super) fn names_demo(state: &State, text: &Bytes) -> bool {
    let model = ChatBody::read(text.clone()).ok().and_then(|body| body.model);
    let model = model.as_deref().or(state.catalogue.default_model());
    model == Some(DEMO_MODEL) && !state.catalogue.is_alias(DEMO_MODEL)
}

/// Access is not configured: only the demo model is served.
///
/// # Errors
///
/// 401 for any other model, or the demo model's errors.
pub(super) async fn demo_only(mut call: Call<State>) -> HandlerResult {
    if call.body.announced() <= MAX_DEMO_BYTES {
        let admitted = admission::admit_to_demo(&call)?;
        let (text, _reservation) = body::read(&mut call, &admitted, MAX_DEMO_BYTES).await?;
        if names_demo(&call.state, &text) {
            let result = demo(&call, &admitted, &text);
            return admitted.with_rate_headers(result);
        }
    }
    Err(not_configured())
}

/// No upstream is configured: responds as the demo model.
///
/// # Errors
///
/// 404 for any other model, or the demo model's errors.
pub(super) async fn demo_model(call: &mut Call<State>, admitted: &Admitted) -> HandlerResult {
    let longest = call.kit.config.max_body_bytes;
    let (text, _reservation) = body::read(call, admitted, longest).await?;
    if counts_tokens(&call.head) || names_demo(&call.state, &text) {
        return demo(call, admitted, &text);
    }
    let catalogue = &call.state.catalogue;
    let body = ChatBody::read(text)?;
    let model = catalogue.resolve(body.model.as_deref())?;
    Err(catalogue.not_found(&model))
}

/// Responds as the demo model, or with the tokens of a request.
///
/// # Errors
///
/// 400 if the request is invalid or cannot be translated.
pub(super) fn demo(call: &Call<State>, admitted: &Admitted, text: &Bytes) -> HandlerResult {
    if counts_tokens(&call.head) {
        return count_tokens(call, text);
    }
    let (state, id) = (&call.state, call.id.clone());
    let streams = ChatBody::read(text.clone())?.stream;
    let Some(translation) = translation(call, of(&call.head), text, DEMO_MODEL, streams) else {
        return Err(not_configured());
    };
    let body = translation.chat()?.body.clone();
    let usage = UsageRecord::new(state.usage.clone(), call.kit.log, id, &admitted.caller.label, DEMO_MODEL);
    let id = format!("chatcmpl-{}", call.id.to_str().unwrap_or_default());
    demo::chat(&body, id, state.clock.unix(), state.demo_delay, usage, Some(translation))
}
