//! `GET /.well-known/oauth-cimd`: describes this service to the provider if the client id is the address of the document,
//! so that no application has to be registered.

use serde_json::json;
use space_kit::{Call, HandlerResult, RequestError, respond};

use super::start_flow::redirect_uri;
use super::tokens::public;
use crate::State;
use crate::flow::CallbackPath;
use crate::oidc::Provider;
use crate::oidc::settings::DOCUMENT;
use crate::state::KeepToken;

pub(crate) fn get(call: &Call<State>) -> HandlerResult {
    let (state, base) = (&call.state, call.state.trusted.base());
    let client_id = format!("{base}{DOCUMENT}");
    let Some(Provider::OpenId(client)) = state.providers.first() else {
        return Err(RequestError::NotFound.into());
    };
    let settings = client.settings();
    if settings.client_id != client_id {
        return Err(RequestError::NotFound.into());
    }
    let redirect_uri = |path| redirect_uri(state, path, &settings.name);
    let grants = ["authorization_code", "refresh_token"];
    Ok(public(respond::json(&json!({
        "client_id": client_id,
        "client_name": base.strip_prefix("https://"),
        "client_uri": base,
        "redirect_uris": [redirect_uri(CallbackPath::Social), redirect_uri(CallbackPath::OAuth2)],
        "grant_types": grants.get(..1 + usize::from(state.keep_token != KeepToken::No)),
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "scope": settings.scopes,
    }))))
}
