//! The userinfo endpoint (OpenID Connect Core section 5.3).

use serde_json::{Map, Value};
use space_kit::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use space_kit::outgoing::Pool;
use space_kit::{Method, StatusCode};

use super::error::{ProviderError, untrusted};
use super::fetch;

/// Fetches the claims of the user whose access token this is.
///
/// # Errors
///
/// `Unavailable` if the provider cannot be reached, `Untrusted` if it does not return claims.
pub(super) async fn fetch(
    pool: &Pool,
    endpoint: &str,
    token: &str,
) -> Result<Map<String, Value>, ProviderError> {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::try_from(format!("Bearer {token}"));
    let mut value = value.map_err(|_| untrusted("the access token is not a valid header value"))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    match fetch::send(pool, Method::GET, endpoint, headers, String::new()).await? {
        (StatusCode::OK, Some(claims)) => Ok(claims),
        (StatusCode::OK, None) => Err(untrusted("the userinfo response is not a JSON object")),
        (status, _) => Err(untrusted(format!("the userinfo endpoint returned {status}"))),
    }
}

/// Merges the claims of ID token and userinfo. Where both have a claim, that of the ID token wins because it is signed.
/// `email_verified` is taken only from the document that has the e-mail address.
///
/// # Errors
///
/// `Untrusted` if the two are about different users (section 5.3.2).
pub(crate) fn merge(
    mut signed: Map<String, Value>,
    mut more: Map<String, Value>,
) -> Result<Map<String, Value>, ProviderError> {
    if more.get("sub").is_none() || more.get("sub") != signed.get("sub") {
        return Err(untrusted("the userinfo is about another user (sub)"));
    }
    if signed.contains_key("email") {
        more.remove("email_verified");
    } else {
        signed.remove("email_verified");
    }
    more.extend(signed);
    Ok(more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn userinfo_of_another_user_is_rejected_and_signed_claims_win() {
        let merge = |signed: Value, more: Value| {
            super::merge(signed.as_object().unwrap().clone(), more.as_object().unwrap().clone())
        };
        let signed = json!({"sub": "a", "name": "Ann"});
        let both = merge(signed.clone(), json!({"sub": "a", "name": "Other", "picture": "p"})).unwrap();
        assert_eq!(Value::Object(both), json!({"sub": "a", "name": "Ann", "picture": "p"}));
        let (signed_mail, other) = (
            json!({"sub": "a", "email": "x@a"}),
            json!({"sub": "a", "email": "y@a", "email_verified": true}),
        );
        assert_eq!(Value::Object(merge(signed_mail.clone(), other).unwrap()), signed_mail);
        let (verified, mail) =
            (json!({"sub": "a", "email_verified": true}), json!({"sub": "a", "email": "y@a"}));
        assert_eq!(Value::Object(merge(verified, mail.clone()).unwrap()), mail);
        for more in [json!({"sub": "b"}), json!({}), json!({"sub": ["a"]}), json!({"sub": "A"})] {
            assert!(merge(signed.clone(), more).is_err());
        }
    }
}
