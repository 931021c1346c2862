//! JSON bodies of requests and responses.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::extract::{location, rejection};
use crate::service::call::{Call, HandlerResult};
use crate::service::error::{Error, RequestError};
use crate::service::memory::append;
use crate::service::request_body::RequestBody;
use crate::service::respond;

/// A JSON body: of a request, read by [`Json::read`], or of a response, written by [`Json::respond`].
///
/// ```ignore
/// let Json(note) = Json::<NewNote>::read(&mut call).await?;
/// Json(note).respond(StatusCode::CREATED)
/// ```
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> Json<T> {
    /// Reads the request's body. Members that `T` does not have are ignored, unless it says
    /// `#[serde(deny_unknown_fields)]`.
    ///
    /// # Errors
    ///
    /// 415 unless the content type is `application/json` or `application/…+json`: a page of another site can send any
    /// other without a CORS preflight. 400 if the body is not JSON or not a `T`; the error names the field and what it
    /// accepts. 413 if the body exceeds `MAX_BODY_BYTES`.
    pub async fn read<S>(call: &mut Call<S>) -> Result<Json<T>, Error> {
        require_json(&call.head.headers)?;
        let body = whole(&mut call.body).await?;
        serde_json::from_slice(&body).map(Json).map_err(|error| not_fitting(&body, &error))
    }
}

impl<T: Serialize> Json<T> {
    /// A response with this body.
    ///
    /// # Errors
    ///
    /// 500 if the value has no JSON form, such as a map whose keys are not strings.
    pub fn respond(&self, status: StatusCode) -> HandlerResult {
        match serde_json::to_vec(&self.0) {
            Ok(text) => Ok(respond::with(status, respond::JSON, Bytes::from(text))),
            Err(error) => Err(Error::from(RequestError::Panic).cause(error)),
        }
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Error> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if is_json(given) {
        return Ok(());
    }
    Err(Error::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "send JSON with the header Content-Type: application/json",
    ))
}

/// Whether a content type is JSON's (RFC 8259 section 11) or has the suffix `+json` (RFC 6839 section 3.1).
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.strip_prefix("application/").is_some_and(|name| name == "json" || name.ends_with("+json"))
}

/// The rest of a body. Unlike [`RequestBody::bytes`] it leaves the call whole, so that the handler can still use it.
async fn whole(body: &mut RequestBody) -> Result<Vec<u8>, RequestError> {
    let mut whole = Vec::new();
    while let Some(chunk) = body.chunk().await.transpose()? {
        append(&mut whole, &chunk)?;
    }
    Ok(whole)
}

fn not_fitting(body: &[u8], error: &serde_json::Error) -> Error {
    let message = error.to_string();
    if !error.is_data() {
        return rejection::invalid(format!("the body is not valid JSON: {message}"));
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    let field = location::field_at(body, error.line(), error.column());
    rejection::reject("the body", &field, message.strip_suffix(&place).unwrap_or(&message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code)] // only whether it can be read matters
    struct Order {
        name: String,
        #[serde(default)]
        items: Vec<Item>,
        #[serde(default)]
        color: Option<Color>,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Item {
        count: u8,
        #[serde(default)]
        tags: Vec<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Color {
        Red,
        Green,
    }

    fn error(body: &str) -> (String, String) {
        let error = serde_json::from_str::<Order>(body).unwrap_err();
        let mut error = not_fitting(body.as_bytes(), &error);
        assert_eq!((error.status, error.code), (StatusCode::BAD_REQUEST, "invalid"));
        (error.param.take().unwrap_or_default().into_owned(), error.message.to_string())
    }

    #[test]
    fn an_error_names_the_field_and_what_it_accepts() {
        for (body, field, message) in [
            ("{}", "name", "name: is required"),
            ("[]", "", "the body: expected an object"),
            ("7", "", "the body: expected an object"),
            (r#"{"name":7}"#, "name", "name: expected a string"),
            (r#"{"name":[7]}"#, "name", "name: expected a string"),
            (r#"{"name":{"a":7}}"#, "name", "name: expected a string"),
            ("{\n \"name\" :\n null }", "name", "name: expected a string"),
            (r#"{"name":"a","name":"b"}"#, "name", "name: is given twice"),
            (
                r#"{"name":"a","nam\"e":1}"#,
                r#"nam"e"#,
                r#"nam"e: is not known; expected one of `name`, `items`, `color`"#,
            ),
            (r#"{"name":"a","color":"blue"}"#, "color", "color: expected `red` or `green`"),
            (r#"{"name":"a","items":7}"#, "items", "items: expected a list"),
            (r#"{"name":"a","items":[{"count":1},{}]}"#, "items[1].count", "items[1].count: is required"),
            (r#"{"name":"a","items":[{"count":1},7]}"#, "items[1]", "items[1]: expected an object"),
            (
                r#"{"name":"a","items":[{"count":256}]}"#,
                "items[0].count",
                "items[0].count: expected a whole number from 0 to 255",
            ),
            (
                r#"{"name":"},]:{[","items":[{"count":1,"tags":["a",["b"]]}]}"#,
                "items[0].tags[1]",
                "items[0].tags[1]: expected a string",
            ),
        ] {
            assert_eq!(error(body), (field.to_owned(), message.to_owned()), "{body}");
        }
    }

    #[test]
    fn an_error_never_repeats_a_value() {
        for body in
            [r#"{"name":"a","items":"hunter2"}"#, r#"{"name":"a","color":"hunter2, expected hunter2"}"#]
        {
            assert!(!error(body).1.contains("hunter2"), "{}", error(body).1);
        }
    }

    #[test]
    fn what_is_not_json_says_where() {
        for body in ["", "{", "{\"name\":\"a\"} x", "\u{feff}{}"] {
            let (field, message) = error(body);
            assert_eq!(field, "", "{body}");
            assert!(message.starts_with("the body is not valid JSON: "), "{message}");
            assert!(message.contains("line 1 column"), "{message}");
        }
    }

    #[test]
    fn only_types_of_json_are_json() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/ld+json"] {
            assert!(is_json(json), "{json}");
        }
        for other in
            ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json", "json"]
        {
            assert!(!is_json(other), "{other}");
        }
    }

    #[test]
    fn a_value_without_a_json_form_is_a_500() {
        let keys_are_no_strings = std::collections::BTreeMap::from([((1, 2), 3)]);
        let error = Json(keys_are_no_strings).respond(StatusCode::OK).err().unwrap();
        assert_eq!(error.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
