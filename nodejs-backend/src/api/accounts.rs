//! The provider's account of a session: `POST /api/auth/get-access-token`, `POST /api/auth/refresh-token` and
//! `GET /api/auth/list-accounts`.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};
use space_kit::header::{HeaderMap, HeaderName, HeaderValue};
use space_kit::{Call, Error, HandlerResult, Reply, Running, StatusCode, respond, task};

use super::request::{Now, now};
use super::{failure, request};
use crate::State;
use crate::oidc::Provider;
use crate::session::Session;
use crate::session::account::{Account, ProviderTokens};
use crate::session::account_cookie::KeptAccount;
use crate::session::cookie;
use crate::state::KeepToken;
use crate::web::response::{no_store, set_header, with_cookies};

/// The header in which Better Auth's bearer plugin returns a renewed bearer token.
pub(super) const SET_AUTH_TOKEN: HeaderName = HeaderName::from_static("set-auth-token");

/// The list has one account or none.
pub(crate) fn list(call: &Call<State>) -> HandlerResult {
    let (state, headers) = (&call.state, &call.head.headers);
    let session = session(state, headers, now().unix)?;
    let accounts: Vec<Value> = account(state, headers, &session).iter().map(Account::json).collect();
    Ok(no_store(respond::json(&accounts.into())))
}

/// Returns the access token. It is refreshed first if it has ended.
pub(crate) fn access_token(call: Call<State>) -> Reply {
    Reply::later(provide(call, false))
}

/// Refreshes the access token, and returns it with the refresh token.
pub(crate) fn refresh(call: Call<State>) -> Reply {
    Reply::later(provide(call, true))
}

async fn provide(call: Call<State>, refresh: bool) -> HandlerResult {
    let Call { head, body, running, client, id, .. } = call;
    let (state, headers, now) = (&running.state, &head.headers, now());
    request::require_trusted_json(headers, state)?;
    let body = request::object(body).await?;
    let session = session(state, headers, now.unix)?;
    let choice = Choice::of(&body).ok_or_else(|| {
        error(
            "validation_error",
            "the body must be {\"useAccountCookie\":true}, or name accountId or providerId",
        )
    })?;
    let account = account(state, headers, &session).filter(|account| choice.is(account));
    let account = account.filter(|_| state.keep_token == KeepToken::Pages);
    let message = "this session has no such account, or the operator has not set KEEP_PROVIDER_TOKEN=yes";
    let account = account.ok_or_else(|| error("account_not_found", message))?;
    let (account, kept) = usable(&running, account, refresh, client, &id, now).await?;
    let json = match (refresh, choice.provider) {
        (false, _) => account.token_json(),
        (true, None) => account.refreshed_json(&account.id()),
        (true, Some(_)) => account.refreshed_json(&account.subject),
    };
    respond(&json, headers, kept)
}

/// Responds with JSON, and with the account if it was refreshed.
///
/// # Errors
///
/// 500 if a header is invalid.
pub(super) fn respond(json: &Value, headers: &HeaderMap, kept: Option<KeptAccount>) -> HandlerResult {
    let mut response = no_store(respond::json(json));
    let Some(KeptAccount { sealed, cookies, .. }) = kept else { return Ok(response) };
    if let Some((session, account)) = cookie::bearer(headers).zip(sealed) {
        set_header(&mut response, SET_AUTH_TOKEN, &cookie::with_account(session, &account))?;
    }
    with_cookies(response, cookies)
}

/// Which account a body names.
struct Choice<'a> {
    id: Option<&'a str>,
    /// Only clients up to 1.6 send it. Their `accountId` may also be the provider's `sub`.
    provider: Option<&'a str>,
}

impl<'a> Choice<'a> {
    /// `None` if the body is invalid.
    fn of(body: &'a Map<String, Value>) -> Option<Choice<'a>> {
        let known = |(name, value): (&String, &Value)| match name.as_str() {
            "useAccountCookie" => *value == Value::Bool(true),
            // A session's user is always its own, so this is not used.
            "accountId" | "providerId" | "userId" => value.is_string(),
            _ => false,
        };
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let (id, provider) = (text("accountId"), text("providerId"));
        let named = id.is_some() || provider.is_some();
        (body.iter().all(known) && named != body.contains_key("useAccountCookie"))
            .then_some(Choice { id, provider })
    }

    fn is(&self, account: &Account) -> bool {
        self.provider.is_none_or(|name| name == account.provider)
            && self
                .id
                .is_none_or(|id| id == account.id() || (self.provider.is_some() && id == account.subject))
    }
}

/// The account with an access token that has not ended. It gets new tokens if it must be refreshed, or if the token has
/// ended.
///
/// # Errors
///
/// 400 if it has no refresh token or the provider gives no new tokens, 429 beyond `SIGN_IN_RATE`.
pub(super) async fn usable(
    running: &Arc<Running<State>>,
    account: Account,
    refresh: bool,
    client: IpAddr,
    id: &HeaderValue,
    now: Now,
) -> Result<(Account, Option<KeptAccount>), Error> {
    if !refresh && !account.has_ended(now.unix) {
        return Ok((account, None));
    }
    let failed = |code| error(code, "the provider gives no new access token: sign in again");
    let [missing, rejected] = match refresh {
        true => ["refresh_token_not_found", "failed_to_refresh_access_token"],
        false => ["failed_to_get_access_token"; 2],
    };
    if account.tokens.refresh_token.is_none() {
        return Err(failed(missing));
    }
    request::rate_limit(&running.state, client, now.instant)?;
    let outcome = running.state.refreshes.join(&account, now.unix);
    let (cell, asking, old, asked) = (outcome.clone(), running.clone(), account.clone(), id.clone());
    // In a task, so that the new tokens are not lost if the client disconnects.
    let task = task::spawn(async move {
        cell.get_or_init(|| ask(&asking, &old, &asked, now)).await;
    });
    _ = task.await;
    let tokens = outcome.get().cloned().flatten().ok_or_else(|| failed(rejected))?;
    let account = Account { tokens, updated: now.unix, ..account };
    let kept = keep(running, &account, id, now.unix)?;
    Ok((account, Some(kept)))
}

/// Asks the provider for new tokens. Only the log gets the reason of a failure.
async fn ask(running: &Running<State>, old: &Account, id: &HeaderValue, now: Now) -> Option<ProviderTokens> {
    let Some(Provider::OpenId(client)) = running.state.provider(&old.provider) else { return None };
    match client.refresh(&old.tokens, now.instant, now.unix).await {
        Ok(tokens) => Some(tokens),
        Err(error) => {
            failure::log_failure(&running.kit.log, "refresh failed", id, error.code(), &error.to_string());
            None
        }
    }
}

/// Seals an account for the browser. The log says what does not fit.
///
/// # Errors
///
/// 500 without random bytes.
pub(super) fn keep(
    running: &Running<State>,
    account: &Account,
    id: &HeaderValue,
    now: u64,
) -> Result<KeptAccount, Error> {
    let state = &running.state;
    let kept = state.sessions().set_account(account, now, state.random()?);
    if let Some(what) = kept.left_out {
        failure::log_failure(&running.kit.log, "a token is not kept", id, "cookie_too_long", what);
    }
    Ok(kept)
}

/// The session of a request.
///
/// # Errors
///
/// 401 if it has none.
pub(super) fn session(state: &State, headers: &HeaderMap, now: u64) -> Result<Session, Error> {
    state.sessions().find(headers, now).map(|found| found.session).ok_or_else(|| {
        let message = "the request has no valid session: sign in first";
        Error::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    })
}

/// The account of a session, unless `KEEP_PROVIDER_TOKEN` is off.
pub(super) fn account(state: &State, headers: &HeaderMap, session: &Session) -> Option<Account> {
    let found = state.sessions().account(headers, session).filter(|_| state.keep_token != KeepToken::No);
    found.map(|found| found.account)
}

fn error(code: &'static str, message: &'static str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, code, message)
}
