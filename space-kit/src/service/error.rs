//! Why a request fails: a public message for the client and a private cause for the log, kept apart.

use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::connection::framing::Violation;
use hyper::StatusCode;
use hyper::header::{ALLOW, CONNECTION, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

/// Why a request failed.
///
/// The service renders it in its own JSON shape ([`crate::Service::render`]), so the kit, its limits and every handler
/// return the same type. Status, code, message and parameter are public. The cause is private: it is logged and never
/// sent, because it may name upstreams, files or tokens.
///
/// It is one pointer wide, because every step of a request may return one.
#[derive(Debug)]
pub struct Error(Box<ErrorParts>);

/// The parts of an [`Error`], which derefs to them.
#[derive(Debug)]
pub struct ErrorParts {
    /// The status; `Service::statuses` may replace it.
    pub status: StatusCode,
    /// A stable machine-readable code in lower snake case.
    pub code: &'static str,
    /// What was wrong and what is accepted, for the client.
    pub message: Cow<'static, str>,
    /// The part of the input that was wrong, such as `messages[0].role`.
    pub param: Option<Cow<'static, str>>,
    /// Headers of the response, such as `Retry-After`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The cause, for the operator: it is logged and never sent.
    pub cause: Option<String>,
    /// Who sent the request, such as the label of a key: it is logged and never sent.
    pub caller: Option<String>,
}

impl Error {
    /// An error with status, code and public message.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
        let (message, headers) = (message.into(), Vec::new());
        Error(Box::new(ErrorParts { status, code, message, param: None, headers, cause: None, caller: None }))
    }

    /// Names the part of the input that was wrong.
    pub fn param(mut self, param: impl Into<Cow<'static, str>>) -> Error {
        self.param = Some(param.into());
        self
    }

    /// Adds a header to the response.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Error {
        self.headers.push((name, value));
        self
    }

    /// The text to log: the cause, or the message if there is none.
    pub fn into_reason(self) -> String {
        let ErrorParts { cause, message, .. } = *self.0;
        cause.unwrap_or_else(|| message.into_owned())
    }

    /// Adds the cause, for the operator's log.
    pub fn cause(mut self, cause: impl fmt::Display) -> Error {
        self.cause = Some(cause.to_string());
        self
    }
}

impl Deref for Error {
    type Target = ErrorParts;

    fn deref(&self) -> &ErrorParts {
        &self.0
    }
}

impl DerefMut for Error {
    fn deref_mut(&mut self) -> &mut ErrorParts {
        &mut self.0
    }
}

/// Why the kit itself rejects a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RequestError {
    /// The request is not valid HTTP/1.1; the text says why.
    Malformed(&'static str),
    /// `Transfer-Encoding` names a coding that is not known.
    UnknownCoding,
    /// `Host` is not one of the names under which this service may be called.
    Misdirected(String),
    /// The head is longer than this many bytes, or has more than 100 fields.
    HeadTooLarge(usize),
    /// The head did not arrive in time.
    HeadTimeout(Duration),
    /// The body is longer than this many bytes.
    BodyTooLarge(usize),
    /// The body did not arrive in time.
    BodyTimeout(Duration),
    /// The body broke off or its framing is invalid.
    BodyBroken,
    /// The response did not begin in time.
    RequestTimeout(Duration),
    /// No route has this path.
    NotFound,
    /// The path has only other methods, listed as in `Allow`.
    MethodNotAllowed(String),
    /// `/metrics` without the right token.
    Unauthorized,
    /// This many connections are open already.
    TooManyConnections(usize),
    /// The system has no memory for what the request needs.
    OutOfMemory,
    /// The handler panicked.
    Panic,
}

impl RequestError {
    /// The error for a message whose framing is not accepted. `limit` is that of a body.
    pub(crate) fn of(violation: Violation, limit: usize) -> RequestError {
        RequestError::Malformed(match violation {
            Violation::BareLineFeed => "a line of the request's head ends with LF instead of CRLF",
            Violation::Target => "the path or query has a # or a byte that is not ASCII: percent-encode it",
            Violation::CodingTwice => "Transfer-Encoding names chunked more than once",
            Violation::Trailers => {
                "the body's last chunk must be followed by an empty line (CRLF): trailers are not accepted"
            }
            Violation::SmallChunks => "the body has too many small chunks: send chunks of 16 bytes or more",
            Violation::Coding => return RequestError::UnknownCoding,
            Violation::Length => return RequestError::BodyTooLarge(limit),
        })
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Error {
        use RequestError::*;
        let close = |error: Error| error.header(CONNECTION, HeaderValue::from_static("close"));
        let later = |error: Error| error.header(RETRY_AFTER, HeaderValue::from_static("1"));
        match error {
            Malformed(what) => close(Error::new(StatusCode::BAD_REQUEST, "bad_request", what)),
            UnknownCoding => close(Error::new(
                StatusCode::NOT_IMPLEMENTED,
                "unknown_coding",
                "the only Transfer-Encoding that is accepted is chunked",
            )),
            Misdirected(message) => close(Error::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", message)),
            HeadTooLarge(limit) => close(Error::new(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "headers_too_large",
                format!("the request line and headers are longer than {limit} bytes or more than 100 fields"),
            )),
            HeadTimeout(limit) => close(Error::new(
                StatusCode::REQUEST_TIMEOUT,
                "headers_timeout",
                format!("the request headers did not arrive within {}", humantime::format_duration(limit)),
            )),
            BodyTooLarge(limit) => close(Error::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "request_too_large",
                format!("the request body is longer than the limit of {limit} bytes"),
            )),
            BodyTimeout(limit) => close(Error::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_timeout",
                format!("the request body did not arrive within {}", humantime::format_duration(limit)),
            )),
            BodyBroken => close(Error::new(
                StatusCode::BAD_REQUEST,
                "body_broken",
                "the request body broke off before its end, or its framing is invalid",
            )),
            RequestTimeout(limit) => close(Error::new(
                StatusCode::GATEWAY_TIMEOUT,
                "request_timeout",
                format!("no response was ready within {}", humantime::format_duration(limit)),
            )),
            NotFound => Error::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this path"),
            MethodNotAllowed(allow) => {
                let message = format!("this path does not accept that method; accepted: {allow}");
                let allow = HeaderValue::try_from(allow).unwrap_or(HeaderValue::from_static(""));
                Error::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message).header(ALLOW, allow)
            }
            Unauthorized => Error::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "the header Authorization: Bearer with the operator's METRICS_TOKEN is required",
            )
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            TooManyConnections(limit) => close(later(Error::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "too_many_connections",
                format!(
                    "all {limit} connections, or your address's share of them, are in use; try again in a second"
                ),
            ))),
            OutOfMemory => close(later(Error::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "the service has no memory for this request; try again in a second",
            ))),
            Panic => Error::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal_error",
                "an internal error stopped this request; the service's log has the details under the request id",
            ),
        }
    }
}
