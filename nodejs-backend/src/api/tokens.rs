//! Tokens for other backends: `GET /api/auth/token`, the keys to check them, and where these are.

use serde_json::json;
use space_kit::header::{CACHE_CONTROL, HeaderValue};
use space_kit::{Body, Call, Error, HandlerResult, Response, StatusCode, respond};

use super::{no_store, request, sessions};
use crate::State;
use crate::session::Session;
use crate::state::internal;
use crate::token;

/// A token for the visitor.
pub(crate) fn get(call: &Call<State>) -> HandlerResult {
    let (state, now) = (&call.state, request::now());
    let found = sessions::find(state, &call.head.headers, now).ok_or_else(nobody)?;
    Ok(no_store(respond::json(&json!({"token": issue(state, &found.session, now)?}))))
}

fn nobody() -> Error {
    Error::new(StatusCode::UNAUTHORIZED, "unauthorized", "nobody is signed in")
}

/// A token that speaks of a session's user, for 15 minutes.
pub(super) fn issue(state: &State, session: &Session, now: u64) -> Result<String, Error> {
    let signer = state.keys.signers.first().ok_or_else(|| internal("there is no key to sign with"))?;
    Ok(signer.sign(&session.claims(&state.issuer, state.trusted.base(), now)))
}

/// The public keys of all secrets, the current one first.
pub(crate) fn keys(call: &Call<State>) -> Response<Body> {
    public(respond::json(&token::key_set(&call.state.keys.signers)))
}

/// The little of OpenID Connect Discovery that those who check tokens ask for.
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

/// May be kept for five minutes: a new key is published before it signs.
fn public(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
