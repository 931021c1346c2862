//! Tokens for other backends: `GET /api/auth/token`, the keys that verify them, and the metadata that names the keys.

use serde_json::{Value, json};
use space_kit::header::{CACHE_CONTROL, HeaderValue};
use space_kit::{Body, Call, Error, HandlerResult, Reply, Response, StatusCode, respond};

use super::{accounts, request};
use crate::State;
use crate::crypto::token;
use crate::error::internal;
use crate::oidc::Provider;
use crate::session::Session;
use crate::session::account::Account;
use crate::web::response::no_store;

/// Returns a token for the visitor. With `GATEWAY_SECRET`, it has the visitor's access token in it, sealed.
pub(crate) fn get(call: Call<State>) -> Reply {
    match call.state.gateway {
        None => Reply::Now(without_account(&call)),
        Some(_) => Reply::later(with_account(call)),
    }
}

fn without_account(call: &Call<State>) -> HandlerResult {
    let (state, now) = (&call.state, request::now().unix);
    let session = accounts::session(state, &call.head.headers, now)?;
    Ok(no_store(respond::json(&json!({"token": issue(state, &session, None, now)?}))))
}

/// It may have to wait for the provider, if the access token has ended.
async fn with_account(call: Call<State>) -> HandlerResult {
    let Call { head, running, client, id, .. } = call;
    let (state, headers, now) = (&running.state, &head.headers, request::now());
    let session = accounts::session(state, headers, now.unix)?;
    let (mut account, mut kept) = (None, None);
    if let Some(found) = accounts::account(state, headers, &session) {
        match accounts::usable(&running, found, false, client, &id, now).await {
            Ok((found, refreshed)) => (account, kept) = (Some(found), refreshed),
            // The visitor is still signed in here, and other backends need no access token.
            Err(error) if error.status == StatusCode::BAD_REQUEST => {}
            Err(error) => return Err(error),
        }
    }
    let token = issue(state, &session, account.as_ref(), now.unix)?;
    accounts::respond(&json!({"token": token}), headers, kept)
}

/// A token for the user of a session, valid for 15 minutes. With an account of the main provider, a gateway can open the
/// access token in it, and the token ends with the access token.
///
/// # Errors
///
/// 500 if there is no signing key, or no random bytes.
pub(super) fn issue(
    state: &State,
    session: &Session,
    account: Option<&Account>,
    now: u64,
) -> Result<String, Error> {
    let signer = state.keys.signers.first().ok_or_else(|| internal("there is no signing key"))?;
    let mut claims = session.claims(&state.issuer, state.trusted.base(), now);
    let is_main = |account: &&Account| state.provider(&account.provider).is_some_and(Provider::is_main);
    if let (Some(secret), Some(account), Some(claims)) =
        (&state.gateway, account.filter(is_main), claims.as_object_mut())
    {
        let tokens = &account.tokens;
        if let Some(end) = tokens.expires.filter(|end| claims.get("exp").and_then(Value::as_u64) > Some(*end))
        {
            claims.insert("exp".to_owned(), end.into());
        }
        secret.seal(claims, &tokens.access_token, state.random()?, state.random()?);
    }
    Ok(signer.sign(&claims))
}

/// The public keys of all secrets, the current one first.
pub(crate) fn keys(call: &Call<State>) -> Response<Body> {
    public(respond::json(&token::key_set(&call.state.keys.signers)))
}

/// The members of OpenID Connect Discovery that a verifier of tokens needs.
pub(crate) fn discovery(call: &Call<State>) -> Response<Body> {
    let state = &call.state;
    public(respond::json(&json!({
        "issuer": state.issuer,
        "jwks_uri": format!("{}/api/auth/jwks", state.trusted.base()),
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "subject_types_supported": ["public"],
        "response_types_supported": [],
    })))
}

/// Allows caches to store the response for five minutes. A new key is published before it signs, so that caches never
/// miss it.
pub(super) fn public(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
