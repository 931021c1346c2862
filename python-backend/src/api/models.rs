//! `GET /v1/models` and `GET /v1/models/{model}`: the models that callers may use.

use bytes::Bytes;
use hyper::Method;
use space_kit::{Body, Call, Error, HandlerResult, Response, StatusCode, respond};

use super::passthrough;
use crate::catalogue::DEMO_MODEL;
use crate::errors::upstream::bad_gateway;
use crate::json::{self, Span, quoted};
use crate::limits::{HoldError, Reservation};
use crate::request::{Admitted, admission};
use crate::state::State;
use crate::upstream::{Answer, Expect, UpstreamGroup, UpstreamRequest, WholeAnswer};
use crate::wire::{headers, model_path};

/// Responds with the operator's names and, unless `MODELS` limits them, the models of all upstreams.
///
/// # Errors
///
/// An error of admission, or an upstream's error if all fail.
pub(crate) async fn list(call: Call<State>) -> HandlerResult {
    let state = &call.state;
    if !state.access.is_configured() {
        let mut list = List::default();
        list.add(DEMO_MODEL, entry(DEMO_MODEL));
        return Ok(json_response(list.text(&call)));
    }
    let admitted = admission::admit(&call).await?;
    let list = available(&call, &admitted).await;
    admitted.with_rate_headers(list.map(json_response))
}

async fn available(call: &Call<State>, admitted: &Admitted) -> Result<Bytes, Error> {
    let state = &call.state;
    let mut held = state.limits.answers.reserve(admitted.id);
    let mut list = List::default();
    state.catalogue.own_names().for_each(|name| list.add(name, entry(name)));
    if let Some(group) = state.upstreams.main().filter(|_| !state.catalogue.is_limited()) {
        let _slot = state.limits.slots.acquire(admitted.id).await?;
        let mut failed = None;
        let mut answered = false;
        let answers = group.send_to_each(&mut request(call, admitted, group, held.another())).await;
        for (at, answer) in answers.into_iter().enumerate() {
            match answer.and_then(|answer| list.add_all(group, at, answer)) {
                Ok(()) => answered = true,
                // An upstream without a list may still have models.
                Err(error)
                    if matches!(error.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) =>
                {
                    answered = true;
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed.filter(|_| !answered) {
            return Err(error);
        }
        group.model_ids().for_each(|name| list.add(name, entry(name)));
    }
    // Last, because some clients take the first model of the list.
    if state.catalogue.lists_demo() {
        list.add(DEMO_MODEL, entry(DEMO_MODEL));
    }
    let text = Bytes::from(list.text(call));
    held.resize_if_long(text.len()).map_err(HoldError::of_response)?;
    Ok(held.attach(text))
}

/// A list of models. The first item with an id counts.
#[derive(Default)]
struct List {
    ids: Vec<String>,
    items: Vec<String>,
}

impl List {
    /// The list in the form of the caller's API.
    fn text(&self, call: &Call<State>) -> String {
        if !is_anthropic(call) {
            return format!(r#"{{"object":"list","data":[{}]}}"#, self.items.join(","));
        }
        let items: Vec<String> = self.ids.iter().map(|id| anthropic_entry(id)).collect();
        let id = |id: Option<&String>| id.map_or("null".to_owned(), |id| quoted(id));
        format!(
            r#"{{"data":[{}],"has_more":false,"first_id":{},"last_id":{}}}"#,
            items.join(","),
            id(self.ids.first()),
            id(self.ids.last())
        )
    }

    fn add(&mut self, id: &str, item: String) {
        if !self.ids.iter().any(|known| known == id) {
            self.ids.push(id.to_owned());
            self.items.push(item);
        }
    }

    /// Adds the models that an endpoint lists and that it may be asked for.
    fn add_all(&mut self, group: &UpstreamGroup, at: usize, answer: Answer) -> Result<(), Error> {
        let Answer::Whole(WholeAnswer { body, held: _held, .. }) = answer else { return Ok(()) };
        let found =
            items(&body).ok_or_else(|| bad_gateway("the upstream's list of models cannot be read"))?;
        group.record_list(at, found.iter().map(|(id, _)| id.as_str()));
        for (id, item) in found.into_iter().filter(|(id, _)| group.serves(at, id)) {
            self.add(&id, item);
        }
        Ok(())
    }
}

/// The id and the text of each item of a list.
fn items(list: &[u8]) -> Option<Vec<(String, String)>> {
    let members = json::members(list, ["data"]).ok()?;
    let mut found = Vec::new();
    let mut each = |item: Span| {
        let id = json::last_members_in(list, &item, ["id"]).ok().and_then(|members| {
            let id = json::string(list.get(members.get("id")?.value.clone())?)?;
            Some(id.into_owned())
        });
        if let Some((id, text)) = id.zip(list.get(item)) {
            found.push((id, String::from_utf8_lossy(text).into_owned()));
        }
    };
    json::items_in(list, &members.get("data")?.value, &mut each).ok()?;
    Some(found)
}

fn request(
    call: &Call<State>,
    admitted: &Admitted,
    group: &UpstreamGroup,
    held: Reservation,
) -> UpstreamRequest {
    UpstreamRequest {
        method: Method::GET,
        path: "/models".to_owned(),
        headers: headers::to_upstream(&call.head.headers, &call.state.forwarded),
        body: Bytes::new(),
        model_without_pin: None,
        adds_options: false,
        expect: Expect::Whole,
        repeatable: true,
        client_repeats: headers::is_repetition(&call.head.headers),
        affinity: 0,
        model: String::new(),
        deadline: call.state.clock.instant() + group.timeouts().total,
        held,
        // A list costs nothing.
        payer: admitted.caller.payer.token(&call.head.headers).unwrap_or_default(),
        translation: None,
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
    let is_assigned = || state.upstreams.main().is_some_and(|group| group.model_ids().any(|id| id == name));
    let is_known = state.catalogue.knows(&name) || !state.catalogue.is_limited() && is_assigned();
    if !is_known && state.upstreams.main().is_some() && !state.catalogue.is_limited() {
        return passthrough::pass(call).await;
    }
    let admitted = admission::admit(&call).await?;
    admitted.with_rate_headers(match is_known {
        true if is_anthropic(&call) => Ok(json_response(anthropic_entry(&name))),
        true => Ok(json_response(entry(&name))),
        false => Err(state.catalogue.not_found(&name)),
    })
}

/// A model of which only the name is known.
fn entry(name: &str) -> String {
    let id = quoted(name);
    format!(r#"{{"id":{id},"object":"model","created":0,"owned_by":"python-backend"}}"#)
}

/// The same in the form of Anthropic's API.
fn anthropic_entry(name: &str) -> String {
    let id = quoted(name);
    format!(r#"{{"type":"model","id":{id},"display_name":{id},"created_at":"1970-01-01T00:00:00Z"}}"#)
}

/// Whether a request is from a client of Anthropic's API.
fn is_anthropic(call: &Call<State>) -> bool {
    call.head.headers.contains_key("anthropic-version")
}

fn json_response(text: impl Into<Body>) -> Response<Body> {
    respond::with(StatusCode::OK, respond::JSON, text)
}
