//! Errors in the shape that the Better Auth client parses: `{"message","code"}`.

use serde_json::json;
use space_kit::respond::to_json;
use space_kit::{Bytes, Error, HeaderMap};

/// The body of an error. Better Auth writes codes in upper case.
pub(crate) fn render(error: &Error, _: &mut HeaderMap) -> Bytes {
    to_json(&json!({"message": error.message, "code": error.code.to_ascii_uppercase()})).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use space_kit::Refusal;

    #[test]
    fn an_error_has_a_message_and_an_upper_case_code() {
        let body = render(&Refusal::NotFound.into(), &mut HeaderMap::new());
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, json!({"message": "there is nothing at this path", "code": "NOT_FOUND"}));
    }
}
