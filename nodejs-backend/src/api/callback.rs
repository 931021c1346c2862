//! `GET /api/auth/callback/{provider}` and `/oauth2/callback/{provider}`: the provider redirects the browser to here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use space_kit::header::HeaderMap;
use space_kit::{Call, Error, HandlerResult, Method, Reply, RequestError, StatusCode};

use super::request::{Now, now};
use super::start_flow::redirect_uri;
use super::{accounts, dev_sign_in, error_page, failure, popup, request};
use crate::State;
use crate::flow::{self, CallbackPath, Flow};
use crate::oidc::{Provider, ProviderError};
use crate::session::Session;
use crate::session::account::{Account, ProviderTokens};
use crate::session::account_cookie::KeptAccount;
use crate::session::replay::Inserted;
use crate::session::user::User;
use crate::state::KeepToken;
use crate::web::callback_url;
use crate::web::cookie;
use crate::web::navigation::is_prefetch;
use crate::web::query::{self, Params};
use crate::web::response::redirect;

/// The longest code that is sent to the provider, in bytes.
const MAX_CODE: usize = 4096;
/// The longest error code or description of a provider that is passed on, in characters.
const MAX_PROVIDER_TEXT: usize = 300;

pub(crate) fn social(call: Call<State>) -> Reply {
    error_page::show_errors(call, |call| finish(call, CallbackPath::Social))
}

pub(crate) fn oauth2(call: Call<State>) -> Reply {
    error_page::show_errors(call, |call| finish(call, CallbackPath::OAuth2))
}

async fn finish(call: Call<State>, callback_path: CallbackPath) -> HandlerResult {
    let provider = call.param("provider").unwrap_or_default().to_owned();
    let Call { head, running, client, id, .. } = call;
    let state = &running.state;
    if head.method == Method::HEAD {
        // Link scanners send HEAD before the visitor follows the link, and the state can be used only once.
        return Err(RequestError::MethodNotAllowed("GET, OPTIONS".to_owned()).into());
    }
    if is_prefetch(&head.headers) {
        // The browser only guesses that the visitor comes here, so the state must stay unused.
        let message = "a sign-in is not completed by a prefetch";
        return Err(Error::new(StatusCode::FORBIDDEN, "not_a_navigation", message));
    }
    let now = now();
    let limited = request::rate_limit(state, client, now.instant);
    let params = request::params(head.uri.query().unwrap_or_default())?;
    let Some(sent) = params.non_empty("state") else {
        limited?;
        return redirect(&error_page::address("state_not_found"), []);
    };
    let name = state.cookies.name(&flow::cookie_name(sent));
    let cookies = cookie::of_request(&head.headers).filter(|(found, _)| *found == name);
    let sealed = cookies.map(|(_, value)| value);
    let flow = flow::find(&state.keys.flow, sealed, sent, &provider, callback_path, now.unix);
    if let Err(error) = limited {
        // The page that opened a popup waits for a message.
        return match flow.as_ref().and_then(|flow| Some((flow, flow.request.opener.as_ref()?))) {
            Some((flow, opener)) => {
                popup::complete(state, flow, opener, Err((error.code, &error.message)), "", [])
            }
            None => Err(error),
        };
    }
    let cleared: Vec<String> = state.cookies.clear(&name).collect();
    let (Some(flow), Some(provider)) = (flow, state.provider(&provider)) else {
        return redirect(&error_page::address("state_mismatch"), cleared);
    };
    let end = now.unix.saturating_add(flow::LIFETIME);
    if state.used_states.insert(&flow.state, end, now.unix) == Inserted::Known {
        return repeated(state, &flow, &head.headers, now.unix, cleared);
    }
    // The operator may have removed the site from TRUSTED_ORIGINS since the flow started.
    if flow.request.opener.as_ref().is_some_and(|opener| !state.trusted.contains(&opener.origin)) {
        return redirect(&error_page::address("invalid_origin"), cleared);
    }
    let found = user(state, provider, &flow, &params, now).await.and_then(|found| {
        match state.allow.allows(&found.0, provider.is_main()) {
            true => Ok(found),
            false => Err(sign_in_error("not_allowed", "SIGN_IN_ALLOW has no rule for the user")),
        }
    });
    match found {
        Ok((user, tokens)) => {
            let session = URL_SAFE_NO_PAD.encode(state.random::<16>()?);
            let mut kept = KeptAccount::default();
            if let Some((subject, tokens)) = tokens.filter(|_| state.keep_token != KeepToken::No) {
                let (user, provider) = (user.id.clone(), provider.name().to_owned());
                let (created, session) = (now.unix, session.clone());
                let updated = created;
                let account = Account { session, user, provider, subject, created, updated, tokens };
                kept = accounts::keep(&running, &account, &id, now.unix)?;
            }
            kept.cookies.extend(cleared);
            succeed(state, &flow, session, user, now.unix, kept)
        }
        Err(SignInError { code, description, cause }) => {
            failure::log_failure(&running.kit.log, "sign-in failed", &id, &code, &cause);
            fail(state, &flow, &code, &description, cleared)
        }
    }
}

/// A callback that comes again, such as after a reload: the visitor goes on if this browser has the session of the first
/// one.
fn repeated(
    state: &State,
    flow: &Flow,
    headers: &HeaderMap,
    now: u64,
    cleared: Vec<String>,
) -> HandlerResult {
    let began = flow.expires.saturating_sub(flow::LIFETIME);
    let signed_in = state.sessions().find(headers, now).is_some_and(|found| found.session.signed_in >= began);
    match (&flow.request.opener, signed_in) {
        (None, true) => {
            let address = callback_url::trusted(&flow.request.callback_url, &state.trusted);
            redirect(address.as_deref().unwrap_or("/"), cleared)
        }
        (None, false) => fail(state, flow, "state_mismatch", "", cleared),
        // The first callback has reported to the page that opened the popup.
        (Some(_), _) => redirect(&error_page::address("state_mismatch"), cleared),
    }
}

/// Why the visitor is not signed in.
struct SignInError {
    code: String,
    /// The provider's description, for the page that started the sign-in.
    description: String,
    /// For the log.
    cause: String,
}

impl From<ProviderError> for SignInError {
    fn from(error: ProviderError) -> SignInError {
        sign_in_error(error.code(), &error.to_string())
    }
}

fn sign_in_error(code: &str, cause: &str) -> SignInError {
    SignInError { code: code.to_owned(), description: String::new(), cause: cause.to_owned() }
}

/// The user of an authorization response, with the provider's `sub` and tokens. Its issuer is checked before anything else.
async fn user(
    state: &State,
    provider: &Provider,
    flow: &Flow,
    params: &Params,
    now: Now,
) -> Result<(User, Option<(String, ProviderTokens)>), SignInError> {
    let code = || match params.non_empty("code") {
        Some(code) if code.len() <= MAX_CODE => Ok(code),
        Some(_) => Err(sign_in_error("invalid_code", "the code is longer than 4096 bytes")),
        None => Err(sign_in_error("no_code", "the response has neither code nor error")),
    };
    if let Provider::OpenId(client) = provider {
        client.check_issuer(params.get("iss"), now.instant).await?;
    }
    if let Some(error) = params.non_empty("error") {
        let description = truncate(params.get("error_description").unwrap_or_default());
        let cause = "the provider denied the sign-in".to_owned();
        return Err(SignInError { code: truncate(error), description, cause });
    }
    match provider {
        Provider::Dev { .. } => dev_sign_in::user(state, code()?, &flow.state)
            .map(|user| (user, None))
            .ok_or_else(|| sign_in_error("invalid_code", "the code is not from the local sign-in page")),
        Provider::OpenId(client) => {
            let redirect_uri = redirect_uri(state, flow.request.callback_path, &flow.request.provider);
            let found = client.user(flow, code()?, &redirect_uri, now.instant, now.unix).await?;
            let (user, subject, tokens) = found;
            Ok((user, Some((subject, tokens))))
        }
    }
}

/// Signs the visitor in and returns to the page that started the sign-in.
fn succeed(state: &State, flow: &Flow, id: String, user: User, now: u64, kept: KeptAccount) -> HandlerResult {
    let session = |lifetime| Session::begin(id.clone(), user.clone(), now, lifetime, state.epoch);
    let sessions = state.sessions();
    let set = sessions.set(&session(state.lifetimes.cookie), now, state.random()?)?;
    let cookies = kept.cookies.into_iter().chain(set);
    let address = callback_url::trusted(&flow.request.callback_url, &state.trusted);
    let address = address.as_deref();
    match &flow.request.opener {
        None => redirect(address.unwrap_or("/"), cookies),
        Some(opener) => {
            let token =
                sessions.bearer_token(&session(state.lifetimes.bearer), kept.sealed, state.random()?)?;
            popup::complete(state, flow, opener, Ok(&token), address.unwrap_or("/"), cookies)
        }
    }
}

/// Returns the error to the page that started the sign-in, or shows the error page.
fn fail(state: &State, flow: &Flow, code: &str, description: &str, cleared: Vec<String>) -> HandlerResult {
    if let Some(opener) = &flow.request.opener {
        return popup::complete(state, flow, opener, Err((code, description)), "", cleared);
    }
    let address = flow.request.error_url.as_deref();
    match address.and_then(|address| callback_url::trusted(address, &state.trusted)) {
        None => redirect(&error_page::address(code), cleared),
        Some(address) => {
            let mut pairs = vec![("error", code)];
            if !description.is_empty() {
                pairs.push(("error_description", description));
            }
            redirect(&query::append(&address, &pairs), cleared)
        }
    }
}

fn truncate(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_PROVIDER_TEXT).collect()
}
