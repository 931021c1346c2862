//! `POST /api/auth/sign-in/social`, and `/sign-in/oauth2` for clients up to version 1.6.

use serde_json::{Map, Value, json};
use space_kit::header::{HOST, LOCATION};
use space_kit::{Call, Error, HandlerResult, Reply, StatusCode, respond};

use super::request::{self, now};
use super::start_flow::{StartedFlow, destination, start_flow};
use crate::State;
use crate::flow::{CallbackPath, FlowRequest};
use crate::oidc::{SignInOptions, is_additional};
use crate::web::query;
use crate::web::response::{no_store, set_header, with_cookies};

pub(crate) fn social(call: Call<State>) -> Reply {
    Reply::later(sign_in(call, CallbackPath::Social, "provider"))
}

pub(crate) fn oauth2(call: Call<State>) -> Reply {
    Reply::later(sign_in(call, CallbackPath::OAuth2, "providerId"))
}

async fn sign_in(call: Call<State>, callback_path: CallbackPath, name: &'static str) -> HandlerResult {
    let Call { head, body, running, client, .. } = call;
    let state = &running.state;
    request::require_trusted_json(&head.headers, state)?;
    request::rate_limit(state, client, now().instant)?;
    let body = request::object(body).await?;
    let text = |name: &'static str| text(&body, name);
    let provider = text(name)?.filter(|name| !name.is_empty()).ok_or_else(|| invalid(name))?;
    let callback_url = destination(state, text("callbackURL")?, "invalid_callback_url")?;
    let error_url = destination(state, text("errorCallbackURL")?, "invalid_error_callback_url")?;
    destination(state, text("newUserCallbackURL")?, "invalid_new_user_callback_url")?;
    let request = FlowRequest {
        provider: provider.to_owned(),
        callback_path,
        callback_url: callback_url.unwrap_or_else(|| state.trusted.base().to_owned()),
        error_url,
        opener: None,
    };
    let login_hint = text("loginHint")?.map(str::to_owned);
    let options = SignInOptions { scopes: scopes(&body)?, login_hint, additional: additional(&body)? };
    let disable_redirect = body.get("disableRedirect").is_some_and(|value| *value == Value::Bool(true));
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let (url, cookies) = if state.trusted.is_custom_host(host) && state.provider(provider).is_some() {
        // The provider returns to the first host name, which has no cookies of this one: the sign-in starts there.
        let error_url = request.error_url.as_deref().unwrap_or_default();
        let pairs = [("callbackURL", request.callback_url.as_str()), ("errorCallbackURL", error_url)];
        let link = format!("{}/login/{provider}", state.trusted.base());
        (query::append(&link, &pairs), Vec::new())
    } else {
        let StartedFlow { url, cookies, .. } =
            start_flow(state, &head.headers, request, &options, now()).await?;
        (url, cookies)
    };
    let mut response = no_store(respond::json(&json!({"url": url, "redirect": !disable_redirect})));
    if callback_path == CallbackPath::Social && !disable_redirect {
        set_header(&mut response, LOCATION, &url)?;
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

/// The parameters for the provider.
///
/// # Errors
///
/// 400 that names a parameter which cannot be passed on.
fn additional(body: &Map<String, Value>) -> Result<Vec<(String, String)>, Error> {
    let Some(params) = body.get("additionalParams").filter(|params| !params.is_null()) else {
        return Ok(Vec::new());
    };
    let params =
        params.as_object().filter(|params| params.len() <= 16).ok_or_else(|| invalid("additionalParams"))?;
    let pairs = params.iter().map(|(name, value)| match value.as_str() {
        Some(value) if is_additional(name, value) => Ok((name.clone(), value.to_owned())),
        _ => {
            let name: String = name.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
            let message = format!(
                "additionalParams.{name} cannot be passed on: it must be a text of at most 512 bytes that the \
                 sign-in does not set itself"
            );
            Err(Error::new(StatusCode::BAD_REQUEST, "validation_error", message).param("additionalParams"))
        }
    });
    pairs.collect()
}

fn invalid(name: &'static str) -> Error {
    let message = format!("[body.{name}] is missing or has the wrong type");
    Error::new(StatusCode::BAD_REQUEST, "validation_error", message).param(name)
}
