//! `GET /api/auth/callback/{provider}` and `/oauth2/callback/{provider}`: the provider sends the browser back.

use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use space_kit::header::HeaderValue;
use space_kit::{Call, HandlerResult, Method, Refusal, Reply, Running, Value};

use super::start::redirect_uri;
use super::{dev, error_page, popup, redirect, request, sessions, visit};
use crate::State;
use crate::callback_url::is_trusted;
use crate::flow::{self, Flow, Way};
use crate::oidc::{Failure, Kind, Provider};
use crate::query::{self, Params};
use crate::session::Session;
use crate::user::User;

/// The longest code and the longest words of a provider that are passed on, in bytes.
const MAX_CODE: usize = 4096;
const MAX_WORDS: usize = 300;

pub(crate) fn callback(call: Call<State>) -> Reply {
    visit::reply(call, |call| answer(call, Way::Callback))
}

pub(crate) fn oauth2(call: Call<State>) -> Reply {
    visit::reply(call, |call| answer(call, Way::OAuth2))
}

async fn answer(call: Call<State>, way: Way) -> HandlerResult {
    let provider = call.param("provider").unwrap_or_default().to_owned();
    let Call { head, running, client, id, .. } = call;
    let state = &running.state;
    if head.method == Method::HEAD {
        // Programs look at links before people follow them; the state is good for one of both.
        return Err(Refusal::MethodNotAllowed("GET, OPTIONS".to_owned()).into());
    }
    request::limit(state, client)?;
    let params = request::params(head.uri.query().unwrap_or_default())?;
    let now = request::now();
    let sent = params.filled("state");
    let Some(sent) = sent else { return redirect(&error_page::address("state_not_found"), []) };
    let name = state.cookies.name(&flow::cookie_name(sent));
    let values = request::cookies(&head.headers).filter(|(found, _)| *found == name);
    let sealed = values.map(|(_, value)| value);
    let flow = flow::find(&state.keys.flow, sealed, sent, &provider, way, now);
    let gone: Vec<String> = state.cookies.clear(&name).collect();
    let flow = flow.filter(|flow| state.used.spend(&flow.state, now));
    let (Some(flow), Some(provider)) = (flow, state.provider(&provider)) else {
        return redirect(&error_page::address("state_mismatch"), gone);
    };
    // The list of trusted sites may have changed since the start.
    if flow.start.popup.as_ref().is_some_and(|opener| !state.trusted.has(&opener.origin)) {
        return redirect(&error_page::address("invalid_origin"), gone);
    }
    match user(state, provider, &flow, &params, now).await {
        Ok(user) => succeed(state, &flow, user, now, gone),
        Err(Refused { code, description, cause }) => {
            note(&running, &id, &code, &cause);
            fail(state, &flow, &code, &description, gone)
        }
    }
}

/// Why nobody is signed in.
struct Refused {
    code: String,
    /// The provider's own words.
    description: String,
    cause: String,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused { code: failure.code.to_owned(), description: String::new(), cause: failure.cause }
    }
}

fn refused(code: &str, cause: &str) -> Refused {
    Refused { code: code.to_owned(), description: String::new(), cause: cause.to_owned() }
}

async fn user(
    state: &State,
    provider: &Provider,
    flow: &Flow,
    params: &Params,
    now: u64,
) -> Result<User, Refused> {
    let code = || match params.filled("code") {
        Some(code) if code.len() <= MAX_CODE => Ok(code),
        Some(_) => Err(refused("invalid_code", "the code is too long")),
        None => Err(refused("no_code", "the answer has neither code nor error")),
    };
    let at = Instant::now();
    if let Kind::OpenId(client) = &provider.kind {
        client.check_issuer(params.get("iss"), at).await?;
    }
    if let Some(error) = params.filled("error") {
        let description = cut(params.get("error_description").unwrap_or_default());
        return Err(Refused { code: cut(error), description, cause: "the provider refused".to_owned() });
    }
    match &provider.kind {
        Kind::Dev => dev::user(state, code()?, &flow.state)
            .ok_or_else(|| refused("invalid_code", "no code of the local page")),
        Kind::OpenId(client) => {
            Ok(client.user(flow, code()?, &redirect_uri(state, &flow.start), at, now).await?)
        }
    }
}

/// Signs the visitor in and sends them on.
fn succeed(state: &State, flow: &Flow, user: User, now: u64, gone: Vec<String>) -> HandlerResult {
    let id = URL_SAFE_NO_PAD.encode(state.random::<16>()?);
    let session = |life| Session::begin(id.clone(), user.clone(), now, life, state.epoch);
    let set = sessions::set(state, &session(state.lives.session), now)?;
    let cookies = gone.into_iter().chain(set);
    let address =
        Some(flow.start.callback_url.as_str()).filter(|address| is_trusted(address, &state.trusted));
    match &flow.start.popup {
        None => redirect(address.unwrap_or("/"), cookies),
        Some(opener) => {
            let token = sessions::bearer_token(state, &session(state.lives.bearer))?;
            popup::complete(state, opener, Ok(&token), address.unwrap_or("/"), cookies)
        }
    }
}

fn fail(state: &State, flow: &Flow, code: &str, description: &str, gone: Vec<String>) -> HandlerResult {
    if let Some(opener) = &flow.start.popup {
        return popup::complete(state, opener, Err((code, description)), "", gone);
    }
    let address = flow.start.error_url.as_deref().filter(|address| is_trusted(address, &state.trusted));
    match address {
        None => redirect(&error_page::address(code), gone),
        Some(address) => {
            let mut pairs = vec![("error", code)];
            if !description.is_empty() {
                pairs.push(("error_description", description));
            }
            redirect(&query::append(address, &pairs), gone)
        }
    }
}

/// Writes into the log why a sign-in failed.
pub(super) fn note(running: &Running<State>, id: &HeaderValue, code: &str, cause: &str) {
    let id = id.to_str().unwrap_or_default();
    let fields = [("request_id", Value::Str(id)), ("error", Value::Str(code)), ("cause", Value::Str(cause))];
    running.kit.log.warn("sign-in failed", &fields);
}

fn cut(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}
