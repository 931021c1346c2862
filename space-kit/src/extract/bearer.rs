//! A key that callers have to send.

use hyper::StatusCode;
use hyper::header::{HeaderValue, WWW_AUTHENTICATE};

use crate::service::call::Call;
use crate::service::error::Error;
use crate::web::constant_time_eq;

impl<S> Call<S> {
    /// Requires the header `Authorization: Bearer KEY` (RFC 6750 section 2.1). The comparison takes constant time.
    ///
    /// # Errors
    ///
    /// 401 if the header is absent or has another key.
    pub fn require_key(&self, key: &str) -> Result<(), Error> {
        if has_key(self.header("authorization"), key) {
            return Ok(());
        }
        let message = "send the key as Authorization: Bearer KEY";
        let error = Error::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
        Err(error.header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
    }
}

fn has_key(authorization: Option<&str>, key: &str) -> bool {
    let given = authorization.and_then(|value| value.split_once(' '));
    given.is_some_and(|(scheme, given)| {
        scheme.eq_ignore_ascii_case("bearer")
            && constant_time_eq(given.trim_start().as_bytes(), key.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_as_a_bearer_token_is_accepted() {
        for right in ["Bearer key", "bearer key", "BEARER  key"] {
            assert!(has_key(Some(right), "key"), "{right}");
        }
        for wrong in [
            "",
            "key",
            "Bearer",
            "Bearer ",
            "Bearer ke",
            "Bearer keys",
            "Bearer KEY",
            "Basic key",
            "Bearer key ",
        ] {
            assert!(!has_key(Some(wrong), "key"), "{wrong}");
        }
        assert!(!has_key(None, "key"));
    }
}
