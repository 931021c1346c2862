//! `GET /v1/models` and `GET /v1/models/{model}`: what the caller may ask for.

use std::time::Instant;

use bytes::Bytes;
use hyper::Method;
use space_kit::{Body, Call, Error, HandlerResult, Response, StatusCode, respond};

use crate::catalogue::unknown;
use crate::config::State;
use crate::intake;
use crate::splice::quoted;
use crate::stream::upstream_error;
use crate::upstream::{Job, Lane, Opened, Want};
use crate::{demo, headers, json_scan, tunnel};

/// The list: names of the operator's, and what the upstream has, unless `MODELS` names all there is.
pub(crate) async fn list(call: Call<State>) -> HandlerResult {
    let state = &call.state;
    if !state.access.is_decided() {
        return Ok(json(list_of(&[entry(demo::MODEL)])));
    }
    let guest = intake::admit(&call).await?;
    let list = listed(&call).await;
    guest.tell(list.map(json))
}

async fn listed(call: &Call<State>) -> Result<String, Error> {
    let state = &call.state;
    let mut data: Vec<String> = state.catalogue.names().into_iter().map(entry).collect();
    if let Some(lane) = state.upstreams.main.as_ref().filter(|_| !state.catalogue.is_limited()) {
        let _slot = state.limits.slots.acquire().await?;
        match fetch(call, lane).await {
            Ok(text) => data.extend(items(&text)?),
            // One that has no list may have models.
            Err(error) if matches!(error.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(list_of(&data))
}

/// The text of a list's items, if it has any.
fn items(list: &[u8]) -> Result<Option<String>, Error> {
    let inner = || {
        let members = json_scan::members(list, ["data"]).ok()?;
        let inner = list.get(members.get("data")?.value.clone())?;
        Some(inner.strip_prefix(b"[")?.strip_suffix(b"]")?.trim_ascii())
    };
    let message = "the upstream's list of models cannot be read";
    let inner = inner().ok_or_else(|| upstream_error(message))?;
    Ok(Some(String::from_utf8_lossy(inner).into_owned()).filter(|items| !items.is_empty()))
}

async fn fetch(call: &Call<State>, lane: &Lane) -> Result<Bytes, Error> {
    let job = Job {
        method: Method::GET,
        path: "/models".to_owned(),
        headers: headers::to_upstream(&call.head.headers),
        body: Bytes::new(),
        relaxed: None,
        want: Want::Whole,
        deadline: Instant::now() + lane.waits.total,
    };
    match lane.open(&job).await? {
        Opened::Whole(answer) => Ok(answer.into_body()),
        Opened::Events(_) | Opened::Head(_) => Ok(Bytes::new()),
    }
}

/// One model: ours from here, any other from the upstream.
pub(crate) async fn retrieve(call: Call<State>) -> HandlerResult {
    let state = &call.state;
    let name = call.param("model").unwrap_or_default().to_owned();
    if name == demo::MODEL && !state.access.is_decided() {
        return Ok(json(entry(demo::MODEL)));
    }
    let is_ours = state.catalogue.names().contains(&name.as_str());
    if !is_ours && state.upstreams.main.is_some() && !state.catalogue.is_limited() {
        return tunnel::pass(call).await;
    }
    let guest = intake::admit(&call).await?;
    guest.tell(match is_ours {
        true => Ok(json(entry(&name))),
        false => Err(unknown(&name, &state.catalogue.names())),
    })
}

/// A model of which nothing but the name is known here.
fn entry(name: &str) -> String {
    let id = quoted(name);
    format!(r#"{{"id":{id},"object":"model","created":0,"owned_by":"python-backend"}}"#)
}

fn list_of(entries: &[String]) -> String {
    format!(r#"{{"object":"list","data":[{}]}}"#, entries.join(","))
}

fn json(text: String) -> Response<Body> {
    respond::with(StatusCode::OK, respond::JSON, text)
}
