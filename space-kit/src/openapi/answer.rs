//! What a handler of a described route returns.

use std::fmt::Display;

use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::extract::json::Json;
use crate::openapi::schema::Schema;
use crate::service::body::Body;
use crate::service::call::{Call, HandlerResult};
use crate::service::error::Error;
use crate::service::respond;

/// A value that becomes a response.
pub trait Answer {
    /// The response with this status.
    ///
    /// # Errors
    ///
    /// 500 if the value has no JSON form, such as a map whose keys are not strings.
    fn respond(self, status: StatusCode) -> HandlerResult;

    /// The media type and the schema of the body; `None` for a response without one.
    fn content() -> Option<(&'static str, Value)>;
}

impl<T: Schema + Serialize> Answer for T {
    fn respond(self, status: StatusCode) -> HandlerResult {
        Json(self).respond(status)
    }

    fn content() -> Option<(&'static str, Value)> {
        Some(("application/json", T::schema()))
    }
}

/// The response at `/` of a service without a page of its own: where its document and its health are.
#[derive(Serialize)]
pub struct Links {
    openapi: &'static str,
    health: &'static str,
}

/// A handler for `GET /`, which hosts ask whether the service works.
///
/// # Errors
///
/// None.
pub async fn links<S>(_: Call<S>) -> Result<Links, Error> {
    Ok(Links { openapi: "/openapi.json", health: "/health" })
}

impl Schema for Links {
    fn schema() -> Value {
        json!({"type": "object", "additionalProperties": {"type": "string"}})
    }
}

/// Text, whole or as a stream: `text/plain; charset=utf-8`.
pub struct PlainText(Body);

impl PlainText {
    /// A text, or any body, such as one that [`Body::produce`] writes.
    pub fn new(body: impl Into<Body>) -> PlainText {
        PlainText(body.into())
    }

    /// A stream of lines. Each is made only after the client has read the previous one, and none after the client has
    /// disconnected.
    pub fn lines<I>(lines: I) -> PlainText
    where
        I: IntoIterator<Item: Display, IntoIter: Send + 'static>,
    {
        let mut lines = lines.into_iter();
        PlainText::new(Body::produce(move |mut sender| async move {
            // The line is text before the wait, because a task that waits must not hold what cannot change threads.
            while let Some(line) = lines.next().map(|line| format!("{line}\n")) {
                sender.send(line).await;
            }
            Ok(())
        }))
    }
}

impl Answer for PlainText {
    fn respond(self, status: StatusCode) -> HandlerResult {
        Ok(respond::with(status, HeaderValue::from_static("text/plain; charset=utf-8"), self.0))
    }

    fn content() -> Option<(&'static str, Value)> {
        Some(("text/plain", String::schema()))
    }
}

/// A response without a body, for the status `NO_CONTENT`.
pub struct NoContent;

impl Answer for NoContent {
    fn respond(self, status: StatusCode) -> HandlerResult {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        Ok(response)
    }

    fn content() -> Option<(&'static str, Value)> {
        None
    }
}

/// Any response, such as a file's. The handler says what status it has.
impl Answer for Response<Body> {
    fn respond(self, _: StatusCode) -> HandlerResult {
        Ok(self)
    }

    fn content() -> Option<(&'static str, Value)> {
        Some(("*/*", json!({})))
    }
}
