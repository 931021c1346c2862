//! The userinfo endpoint (OpenID Connect Core section 5.3).

use serde_json::{Map, Value};
use space_kit::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use space_kit::outgoing::Pool;
use space_kit::{Method, StatusCode};

use super::{Failure, request, unavailable, untrusted};

pub(super) async fn fetch(pool: &Pool, endpoint: &str, token: &str) -> Result<Map<String, Value>, Failure> {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::try_from(format!("Bearer {token}"));
    let mut value = value.map_err(|_| untrusted("the access token does not fit a header"))?;
    value.set_sensitive(true);
    headers.insert(AUTHORIZATION, value);
    match request::send(pool, Method::GET, endpoint, headers, String::new()).await.map_err(unavailable)? {
        (StatusCode::OK, Some(claims)) => Ok(claims),
        (StatusCode::OK, None) => Err(untrusted("the userinfo endpoint answered no JSON object")),
        (status, _) => Err(untrusted(format!("the userinfo endpoint answered {status}"))),
    }
}

/// The claims of both; those of the ID token count where both have one, because they are signed. They must
/// speak of the same person (section 5.3.2), and `email_verified` stays with the address that it came with.
pub(crate) fn merge(
    mut signed: Map<String, Value>,
    mut more: Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    if more.get("sub").is_none() || more.get("sub") != signed.get("sub") {
        return Err(untrusted("the userinfo is of somebody else (sub)"));
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
    fn userinfo_of_somebody_else_is_refused() {
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
