//! `GET /v1/models` and `GET /v1/models/{model}`: the models that callers may use.

use bytes::Bytes;
use hyper::Method;
use space_kit::{Body, Call, Error, HandlerResult, Response, StatusCode, respond};

use super::passthrough;
use crate::catalogue::{DEMO_MODEL, model_not_found};
use crate::errors::upstream::bad_gateway;
use crate::json::{self, quoted};
use crate::request::admission;
use crate::state::State;
use crate::upstream::{Answer, Expect, UpstreamGroup, UpstreamRequest};
use crate::wire::{headers, model_path};

/// Responds with the operator's names and, unless `MODELS` limits them, the upstream's models.
///
/// # Errors
///
/// An error of admission, or the upstream's error.
pub(crate) async fn list(call: Call<State>) -> HandlerResult {
    let state = &call.state;
    if !state.access.is_configured() {
        return Ok(json_response(list_of(&[entry(DEMO_MODEL)])));
    }
    let admitted = admission::admit(&call).await?;
    let list = available(&call).await;
    admitted.with_rate_headers(list.map(json_response))
}

async fn available(call: &Call<State>) -> Result<String, Error> {
    let state = &call.state;
    let mut data: Vec<String> = state.catalogue.own_names().map(entry).collect();
    if let Some(group) = state.upstreams.main().filter(|_| !state.catalogue.is_limited()) {
        let _slot = state.limits.slots.acquire().await?;
        match fetch(call, group).await {
            Ok(text) => data.extend(items(&text)?),
            // An upstream without a list may still have models.
            Err(error) if matches!(error.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {}
            Err(error) => return Err(error),
        }
    }
    // Last, because some clients take the first model of the list.
    data.extend(state.catalogue.lists_demo().then(|| entry(DEMO_MODEL)));
    Ok(list_of(&data))
}

/// The text of a list's items, if it has any.
fn items(list: &[u8]) -> Result<Option<String>, Error> {
    let inner = || {
        let members = json::members(list, ["data"]).ok()?;
        let inner = list.get(members.get("data")?.value.clone())?;
        Some(inner.strip_prefix(b"[")?.strip_suffix(b"]")?.trim_ascii())
    };
    let inner = inner().ok_or_else(|| bad_gateway("the upstream's list of models cannot be read"))?;
    Ok(Some(String::from_utf8_lossy(inner).into_owned()).filter(|items| !items.is_empty()))
}

async fn fetch(call: &Call<State>, group: &UpstreamGroup) -> Result<Bytes, Error> {
    let request = UpstreamRequest {
        method: Method::GET,
        path: "/models".to_owned(),
        headers: headers::to_upstream(&call.head.headers),
        body: Bytes::new(),
        model_without_pin: None,
        adds_options: false,
        expect: Expect::Whole,
        repeatable: true,
        client_repeats: headers::is_repetition(&call.head.headers),
        model: String::new(),
        deadline: call.state.clock.instant() + group.timeouts().total,
        translation: None,
    };
    match group.send(&request).await? {
        Answer::Whole(answer) => Ok(answer.body),
        Answer::Events(_) | Answer::Head(_) => Ok(Bytes::new()),
    }
}

/// Responds with one model: the operator's from the catalogue, any other from the upstream.
///
/// # Errors
///
/// An error of admission, 404 if the model is not available, or the upstream's error.
pub(crate) async fn retrieve(call: Call<State>) -> HandlerResult {
    let state = &call.state;
    let Some(name) = call.param("model").and_then(model_path::decode) else {
        return passthrough::pass(call).await; // it says what is wrong with the path
    };
    if name == DEMO_MODEL && !state.access.is_configured() {
        return Ok(json_response(entry(DEMO_MODEL)));
    }
    let is_known = state.catalogue.knows(&name);
    if !is_known && state.upstreams.main().is_some() && !state.catalogue.is_limited() {
        return passthrough::pass(call).await;
    }
    let admitted = admission::admit(&call).await?;
    admitted.with_rate_headers(match is_known {
        true => Ok(json_response(entry(&name))),
        false => Err(model_not_found(&name, &state.catalogue.names())),
    })
}

/// A model of which only the name is known.
fn entry(name: &str) -> String {
    let id = quoted(name);
    format!(r#"{{"id":{id},"object":"model","created":0,"owned_by":"python-backend"}}"#)
}

fn list_of(entries: &[String]) -> String {
    format!(r#"{{"object":"list","data":[{}]}}"#, entries.join(","))
}

fn json_response(text: String) -> Response<Body> {
    respond::with(StatusCode::OK, respond::JSON, text)
}
