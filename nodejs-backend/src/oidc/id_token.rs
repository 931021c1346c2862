//! The ID token (OpenID Connect Core section 3.1.3.7).

use std::fmt;
use std::time::Instant;

use serde_json::{Map, Value};
use space_kit::jwks::{KeySource, VerifyError};
use space_kit::jwt::{CLOCK_SKEW, Expected, Token, TokenError};
use space_kit::web::constant_time_eq;

use super::error::{ProviderError, unavailable, untrusted};
use super::settings::ProviderSettings;
use crate::flow;

/// Verifies an ID token and returns its claims: the provider must have signed it for this client and for this sign-in.
/// `now` is the monotonic time, `unix_now` the Unix time in seconds.
///
/// # Errors
///
/// `Untrusted` if a check fails, `Unavailable` if the provider's keys cannot be fetched.
pub(super) async fn verify(
    keys: &KeySource,
    settings: &ProviderSettings,
    text: &str,
    nonce: &str,
    now: Instant,
    unix_now: u64,
) -> Result<Map<String, Value>, ProviderError> {
    let token = Token::parse(text).map_err(rejected)?;
    if token.is_access_token() {
        return Err(untrusted("the ID token is invalid: its typ is that of an access token"));
    }
    let verified = keys.verify(&token, now).await.map_err(|error| match error {
        VerifyError::Token(error) => rejected(error),
        VerifyError::Issuer(error) => unavailable(format!("keys of the issuer: {error}")),
    })?;
    let expected = Expected { issuer: settings.issuer.clone(), audience: settings.client_id.clone() };
    let holder = verified.holder(&expected, unix_now).map_err(rejected)?;
    check_flow(holder.claims(), nonce, unix_now).map_err(untrusted)?;
    Ok(holder.claims().clone())
}

fn rejected(error: TokenError) -> ProviderError {
    untrusted(format!("the ID token is invalid: {error}"))
}

/// Why an ID token does not belong to this sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlowMismatchError {
    /// `iat` is older than the longest sign-in.
    TooOld,
    /// `nonce` is that of another sign-in.
    OtherNonce,
    /// There is no `nonce`.
    NoNonce,
}

impl fmt::Display for FlowMismatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FlowMismatchError::TooOld => "the ID token is older than the sign-in (iat)",
            FlowMismatchError::OtherNonce => "the ID token belongs to another sign-in (nonce)",
            FlowMismatchError::NoNonce => "the ID token has no nonce",
        })
    }
}

/// Checks that an ID token was issued during this sign-in and for it (steps 10 and 11).
///
/// # Errors
///
/// The check that fails.
pub(crate) fn check_flow(
    claims: &Map<String, Value>,
    nonce: &str,
    now: u64,
) -> Result<(), FlowMismatchError> {
    let issued = claims.get("iat").and_then(Value::as_f64).unwrap_or(0.0);
    if issued + ((flow::LIFETIME + CLOCK_SKEW) as f64) < now as f64 {
        return Err(FlowMismatchError::TooOld);
    }
    match claims.get("nonce").and_then(Value::as_str) {
        Some(found) if constant_time_eq(found.as_bytes(), nonce.as_bytes()) => Ok(()),
        Some(_) => Err(FlowMismatchError::OtherNonce),
        None => Err(FlowMismatchError::NoNonce),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_id_token_belongs_to_this_sign_in() {
        let check = |claims: Value| check_flow(claims.as_object().unwrap(), "n", 10_000);
        assert!(check(json!({"iat": 9_340, "nonce": "n"})).is_ok());
        for other in [
            json!({"iat": 9_339, "nonce": "n"}),
            json!({"iat": 10_000, "nonce": "N"}),
            json!({"iat": 10_000, "nonce": ["n"]}),
            json!({"iat": 10_000}),
        ] {
            assert!(check(other.clone()).is_err(), "{other}");
        }
    }
}
