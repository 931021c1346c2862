//! Errors in the shape that the Better Auth client parses: `{"message","code"}`.

use serde_json::json;
use space_kit::respond::to_json;
use space_kit::{Bytes, Error, HeaderMap, StatusCode};

/// The body of an error. Better Auth writes codes in upper case.
pub(crate) fn render(error: &Error, _: &str, _: &mut HeaderMap) -> Bytes {
    to_json(&json!({"message": error.message, "code": error.code.to_ascii_uppercase()})).into()
}

/// An error that the client did not cause. Only the log gets `cause`.
pub(crate) fn internal(cause: &'static str) -> Error {
    Error::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal_error",
        "the service failed to handle this request; its log has the cause",
    )
    .cause(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_a_message_and_an_upper_case_code() {
        let error = Error::new(StatusCode::NOT_FOUND, "not_found", "no such path");
        let body: serde_json::Value =
            serde_json::from_slice(&render(&error, "", &mut HeaderMap::new())).unwrap();
        assert_eq!(body, json!({"message": "no such path", "code": "NOT_FOUND"}));
    }
}
