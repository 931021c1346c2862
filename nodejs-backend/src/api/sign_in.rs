//! `POST /api/auth/sign-in/social`, and `/sign-in/oauth2` of clients up to 1.6.

use serde_json::{Map, Value, json};
use space_kit::header::LOCATION;
use space_kit::{Call, Error, HandlerResult, Reply, StatusCode, respond};

use super::start::{Begun, begin, destination};
use super::{no_store, request, set, with_cookies};
use crate::State;
use crate::flow::{Start, Way};
use crate::oidc::Wishes;

pub(crate) fn social(call: Call<State>) -> Reply {
    Reply::later(answer(call, Way::Callback, "provider"))
}

pub(crate) fn oauth2(call: Call<State>) -> Reply {
    Reply::later(answer(call, Way::OAuth2, "providerId"))
}

async fn answer(call: Call<State>, way: Way, name: &'static str) -> HandlerResult {
    let Call { head, body, running, client, .. } = call;
    let state = &running.state;
    request::admit(&head.headers, state)?;
    request::limit(state, client)?;
    let body = request::object(body).await?;
    let text = |name: &'static str| text(&body, name);
    let provider = text(name)?.filter(|name| !name.is_empty()).ok_or_else(|| invalid(name))?;
    let callback_url = destination(state, text("callbackURL")?, "invalid_callback_url")?;
    let error_url = destination(state, text("errorCallbackURL")?, "invalid_error_callback_url")?;
    destination(state, text("newUserCallbackURL")?, "invalid_new_user_callback_url")?;
    let start = Start {
        provider: provider.to_owned(),
        way,
        callback_url: callback_url.unwrap_or_else(|| state.trusted.base().to_owned()),
        error_url,
        popup: None,
    };
    let wishes = Wishes { scopes: scopes(&body)?, login_hint: text("loginHint")?.map(str::to_owned) };
    let stays = body.get("disableRedirect").is_some_and(|value| *value == Value::Bool(true));
    let Begun { url, cookies } = begin(state, &head.headers, start, &wishes).await?;
    let mut response = no_store(respond::json(&json!({"url": url, "redirect": !stays})));
    if way == Way::Callback && !stays {
        set(&mut response, LOCATION, &url)?;
    }
    with_cookies(response, cookies)
}

fn text<'a>(body: &'a Map<String, Value>, name: &'static str) -> Result<Option<&'a str>, Error> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(name)),
    }
}

fn scopes(body: &Map<String, Value>) -> Result<Vec<String>, Error> {
    let Some(scopes) = body.get("scopes").filter(|scopes| !scopes.is_null()) else { return Ok(Vec::new()) };
    let list = scopes.as_array().ok_or_else(|| invalid("scopes"))?;
    list.iter().map(|scope| scope.as_str().map(str::to_owned).ok_or_else(|| invalid("scopes"))).collect()
}

fn invalid(name: &'static str) -> Error {
    let message = format!("[body.{name}] is missing or not of the right type");
    Error::new(StatusCode::BAD_REQUEST, "validation_error", message).param(name)
}
