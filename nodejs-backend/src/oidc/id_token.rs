//! The ID token (OpenID Connect Core section 3.1.3.7).

use std::time::Instant;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};
use space_kit::jwt::{Expected, Fault, Token};

use super::{Client, Failure, unavailable, untrusted};
use crate::flow;

/// How far the provider's clock may be from ours, in seconds.
const SKEW: f64 = 60.0;

/// The claims of a token that the provider signed for this service, just now, for this very sign-in.
pub(super) async fn verify(
    client: &Client,
    text: &str,
    nonce: &str,
    at: Instant,
    now: u64,
) -> Result<Map<String, Value>, Failure> {
    let no_keys = |error: space_kit::Error| unavailable(error.cause.clone().unwrap_or_default());
    let token = Token::parse(text).map_err(refused)?;
    if token.is_access_token() {
        return Err(untrusted("the ID token is refused: its typ is that of an access token"));
    }
    let keys = client.keys.keys(at).await.map_err(no_keys)?;
    let verified = match token.verify(&keys) {
        // The provider may have a newer key.
        Err(Fault::NoKey) => {
            let keys = client.keys.keys_after(&keys, at).await.map_err(no_keys)?;
            token.verify(&keys)
        }
        outcome => outcome,
    };
    let settings = &client.settings;
    let expected = Expected { issuer: settings.issuer.clone(), audience: settings.client_id.clone() };
    let holder = verified.map_err(refused)?.holder(&expected, now).map_err(refused)?;
    check_flow(holder.claims(), nonce, now).map_err(untrusted)?;
    Ok(holder.claims().clone())
}

fn refused(fault: Fault) -> Failure {
    untrusted(format!("the ID token is refused: {}", fault.message()))
}

/// Steps 10 and 11: it was made in the time of this sign-in, and for it.
pub(crate) fn check_flow(claims: &Map<String, Value>, nonce: &str, now: u64) -> Result<(), &'static str> {
    let issued = claims.get("iat").and_then(Value::as_f64).unwrap_or(0.0);
    if issued + (flow::LIFE as f64) + SKEW < now as f64 {
        return Err("the ID token is older than the sign-in (iat)");
    }
    match claims.get("nonce").and_then(Value::as_str) {
        Some(found) if is_same(found, nonce) => Ok(()),
        Some(_) => Err("the ID token is of another sign-in (nonce)"),
        None => Err("the ID token has no nonce"),
    }
}

/// Whether two secrets are the same; how long it takes says nothing of where they differ.
fn is_same(one: &str, other: &str) -> bool {
    let hash = |text: &str| digest(&SHA256, text.as_bytes());
    hash(one).as_ref() == hash(other).as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_token_is_of_this_very_sign_in() {
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
