//! Calls to other services, as a handler makes them: each either succeeds or is an error to return.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connect::Connector;
use super::error::OutgoingError;
use super::fetch::{Limits, fetch};
use super::pool::Pool;
use super::url::Url;
use crate::service::error::Error;
use crate::service::respond::JSON;
use crate::settings::env::Env;

/// A call takes at most this long, with the connection and the complete response.
const MAX_TIME: Duration = Duration::from_secs(10);
/// The longest body of a response.
const MAX_BYTES: usize = 1024 * 1024;

/// Calls other services, over kept-alive connections. A service has one, as a field of its state:
///
/// ```ignore
/// let models: Vec<Model> = call.state.client.get(&call.state.models_url).await?;
/// ```
///
/// Redirects are not followed. Plain `http` goes to private addresses only.
pub struct HttpClient {
    pool: Pool,
    limits: Limits,
}

impl HttpClient {
    /// A client that trusts the authorities of [`SSL_CERT_FILE`](super::SSL_CERT_FILE), whose row belongs into the
    /// service's variables. A call may take 10 seconds, and a response 1 MiB. `None` means that `env` has the problem.
    pub fn configure(env: &mut Env<'_>) -> Option<HttpClient> {
        let pool = Pool::new(Connector::configure(env)?);
        Some(HttpClient { pool, limits: Limits { bytes: MAX_BYTES, time: MAX_TIME } })
    }

    /// The same client with other limits.
    pub fn with_limits(self, limits: Limits) -> HttpClient {
        HttpClient { limits, ..self }
    }

    /// GETs JSON.
    ///
    /// # Errors
    ///
    /// 504 if there is no complete response in time. 502 if there is none at all, or its status is not 2xx, or its body
    /// is too long or not a `T`. The cause is logged and not sent.
    pub async fn get<T: DeserializeOwned>(&self, url: &Url) -> Result<T, Error> {
        self.exchange(url, Request::new(Bytes::new())).await
    }

    /// POSTs JSON and reads JSON. It is sent once.
    ///
    /// # Errors
    ///
    /// As for [`HttpClient::get`], and 502 if the body has no JSON form.
    pub async fn post<T: DeserializeOwned>(&self, url: &Url, body: &impl Serialize) -> Result<T, Error> {
        let body = serde_json::to_vec(body).map_err(|error| failed(format!("{}: {error}", url.origin)))?;
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        self.exchange(url, request).await
    }

    /// Sends any request, such as one with a key in `Authorization`, and returns the complete response with any status.
    /// The request's URI is replaced by the target of `url`. A request with a method that is not idempotent (RFC 9110
    /// section 9.2.2) is sent once; others are sent again if a kept-alive connection turns out to be closed.
    ///
    /// # Errors
    ///
    /// 504 if there is no complete response in time, 502 if there is none at all or its body is too long.
    pub async fn send(&self, url: &Url, mut request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        *request.uri_mut() = Uri::try_from(&url.target).map_err(failed)?;
        if matches!(*request.method(), Method::POST | Method::PATCH | Method::CONNECT) {
            request.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(fetch(&self.pool, &url.origin, request, self.limits).await?)
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        url: &Url,
        mut request: Request<Bytes>,
    ) -> Result<T, Error> {
        request.headers_mut().insert(ACCEPT, JSON);
        let response = self.send(url, request).await?;
        let (origin, status) = (&url.origin, response.status());
        if !status.is_success() {
            return Err(failed(format!("{origin} responded with status {}", status.as_u16())));
        }
        // Only the place: the message itself would repeat what the other service sent.
        serde_json::from_slice(response.body()).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            failed(format!("{origin} sent another body than expected: line {line}, column {column}"))
        })
    }
}

fn failed(cause: impl std::fmt::Display) -> Error {
    let message = "a service that this one needs failed; try again later";
    Error::new(StatusCode::BAD_GATEWAY, "upstream_failed", message).cause(cause)
}

/// 504 for a time that is over, otherwise 502. The cause is logged and not sent.
impl From<OutgoingError> for Error {
    fn from(error: OutgoingError) -> Error {
        match error {
            OutgoingError::ConnectTimeout { .. } | OutgoingError::Timeout { .. } => {
                let message = "a service that this one needs did not respond in time; try again later";
                Error::new(StatusCode::GATEWAY_TIMEOUT, "upstream_timeout", message).cause(error)
            }
            OutgoingError::Connect { .. } | OutgoingError::Broken { .. } | OutgoingError::Body { .. } => {
                failed(error)
            }
        }
    }
}

#[cfg(test)]
mod tests;
