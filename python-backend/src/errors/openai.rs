//! Errors in the form that OpenAI's clients parse, with the headers that some clients read instead.

use serde_json::json;
use space_kit::header::{HeaderName, HeaderValue, RETRY_AFTER};
use space_kit::respond::to_json;
use space_kit::{Bytes, Error, HeaderMap, StatusCode};

/// A delay before the next attempt, in milliseconds. OpenAI's clients and the AI SDK prefer it to `Retry-After`.
pub(crate) const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
/// `false` asks not to repeat the request. Upstreams send it too.
pub(crate) const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
/// `huggingface_hub` shows the text of this header.
const X_ERROR_MESSAGE: HeaderName = HeaderName::from_static("x-error-message");

/// The longest `x-error-message`, in characters.
const MAX_HEADER_CHARS: usize = 300;

/// The kit's code for a path without a route.
const NOT_FOUND: &str = "not_found";
/// The code that OpenAI's API uses for it, and the usual reason.
const UNKNOWN_URL: (&str, &str) = (
    "unknown_url",
    "no route has this path; the base URL ends in /v1: chat is at /v1/chat/completions, embeddings are at \
     /v1/embeddings",
);

/// The body of an error response: `{"error":{"message","type","param","code"}}`. Adds the headers.
pub(crate) fn render(error: &Error, headers: &mut HeaderMap) -> Bytes {
    headers.insert(X_ERROR_MESSAGE, header_text(code_and_message(error).1));
    if let Some(seconds) = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
    {
        // An upstream's may be more exact.
        let millis = || HeaderValue::from(seconds.saturating_mul(1000));
        headers.entry(RETRY_AFTER_MS).or_insert_with(millis);
    }
    if error.status == StatusCode::UNAUTHORIZED {
        // The same key fails again. Claude Code would try for three minutes before it shows the message.
        headers.entry(X_SHOULD_RETRY).or_insert(const { HeaderValue::from_static("false") });
    }
    body(error).into()
}

/// The JSON of an error, for a body or an event of a stream.
pub(crate) fn body(error: &Error) -> String {
    let (code, message) = code_and_message(error);
    let kind = kind(error.status);
    to_json(&json!({"error": {"message": message, "type": kind, "param": error.param, "code": code}}))
}

fn code_and_message(error: &Error) -> (&str, &str) {
    if error.code == NOT_FOUND { UNKNOWN_URL } else { (error.code, &error.message) }
}

/// The error for a request whose part `param` is invalid.
pub(crate) fn invalid(param: impl Into<String>, message: impl Into<String>) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "invalid_value", message.into()).param(param.into())
}

/// The error for a body that is not a JSON object.
pub(crate) fn not_json(message: impl Into<String>) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "invalid_json", message.into())
}

/// OpenAI's `type` for a status.
fn kind(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "rate_limit_error",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    }
}

/// The text as a header value: printable ASCII, with `?` for every other character.
fn header_text(text: &str) -> HeaderValue {
    let visible = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    let text: String = text.chars().take(MAX_HEADER_CHARS).map(visible).collect();
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("error"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use space_kit::RequestError;

    #[test]
    fn an_error_has_openais_form_and_says_when_to_retry() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
        let body = render(&invalid("messages[0].role", "no such röle"), &mut headers);
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            json!({"error": {"message": "no such röle", "type": "invalid_request_error",
                             "param": "messages[0].role", "code": "invalid_value"}})
        );
        assert_eq!(headers["x-error-message"], "no such r?le");
        assert_eq!(headers["retry-after-ms"], "2000");
    }

    #[test]
    fn an_unknown_path_has_openais_code_and_a_hint() {
        let body = render(&RequestError::NotFound.into(), &mut HeaderMap::new());
        let body = String::from_utf8_lossy(&body).into_owned();
        assert!(body.contains(r#""code":"unknown_url""#) && body.contains("ends in /v1"), "{body}");
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_header_value(text in ".*") {
            let value = header_text(&text);
            prop_assert!(value.len() <= MAX_HEADER_CHARS && value.to_str().is_ok());
        }
    }
}
