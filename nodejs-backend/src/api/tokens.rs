//! Tokens for other backends: `GET /api/auth/token`, the keys that verify them, and the metadata that names the keys.

use serde_json::json;
use space_kit::header::{CACHE_CONTROL, HeaderValue};
use space_kit::{Body, Call, Error, HandlerResult, Response, StatusCode, respond};

use super::request;
use crate::State;
use crate::crypto::token;
use crate::error::internal;
use crate::session::Session;
use crate::web::response::no_store;

/// Returns a token for the visitor.
pub(crate) fn get(call: &Call<State>) -> HandlerResult {
    let (state, now) = (&call.state, request::now().unix);
    let found = state.sessions().find(&call.head.headers, now).ok_or_else(unauthorized)?;
    Ok(no_store(respond::json(&json!({"token": issue(state, &found.session, now)?}))))
}

/// 401 for a request without a session.
pub(super) fn unauthorized() -> Error {
    Error::new(StatusCode::UNAUTHORIZED, "unauthorized", "the request has no valid session: sign in first")
}

/// A token for the user of a session, valid for 15 minutes.
///
/// # Errors
///
/// 500 if there is no signing key.
pub(super) fn issue(state: &State, session: &Session, now: u64) -> Result<String, Error> {
    let signer = state.keys.signers.first().ok_or_else(|| internal("there is no signing key"))?;
    Ok(signer.sign(&session.claims(&state.issuer, state.trusted.base(), now)))
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
