//! A service and what its requests share. Errors become responses here, because rendering them needs the service's
//! functions.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

use crate::crash::descriptors::ErrorResponse;
use crate::observe::log::Log;
use crate::observe::metrics::Metrics;
use crate::observe::readiness::Readiness;
use crate::server::peers::Peers;
use crate::service::body::Body;
use crate::service::client::{RequestIds, X_REQUEST_ID};
use crate::service::description::Service;
use crate::service::error::{Error, RequestError};
use crate::service::respond;
use crate::service::running::{Clock, Kit, Running};
use crate::settings::config::Config;
use crate::web::http_date;

/// A service that runs: its constant description, and what its requests share. One pointer leads to both, because each
/// connection and each request holds it.
pub(crate) struct Server<S: 'static> {
    pub(crate) service: &'static Service<S>,
    pub(crate) running: Arc<Running<S>>,
    pub(crate) peers: Peers,
}

impl<S> Server<S> {
    /// What the kit offers to every handler.
    pub(crate) fn kit(&self) -> &Kit {
        &self.running.kit
    }
}

impl<S: Send + Sync + 'static> Server<S> {
    pub(crate) fn new(service: &'static Service<S>, state: S, config: Config) -> Arc<Server<S>> {
        let labels = service.routes().map(|route| (route.method.as_str(), route.path));
        let kit = Kit {
            name: service.name,
            version: service.version,
            log: Log::new(config.log_level, config.log_format),
            readiness: Readiness::default(),
            metrics: Metrics::new(labels),
            clock: Clock::start(),
            ids: RequestIds::default(),
            config,
        };
        Arc::new(Server { service, running: Arc::new(Running { state, kit }), peers: Peers::default() })
    }

    /// The response for an error of the request with this id. Its cause is not sent.
    pub(crate) fn error_response(&self, error: &Error, path: &str, id: HeaderValue) -> Response<Body> {
        self.render(error, path, Some(id)).map(Body::from)
    }

    /// The response to a connection that has no request yet, as bytes (RFC 9112 section 4).
    pub(crate) fn wire_error(&self, error: &Error, id: HeaderValue) -> (StatusCode, Vec<u8>) {
        let response = self.render(error, "", None);
        let date = http_date(SystemTime::now());
        let mut wire = head(&response);
        for part in
            [b"date: ", date.as_bytes(), b"\r\nx-request-id: ", id.as_bytes(), b"\r\n\r\n", response.body()]
        {
            wire.extend_from_slice(part);
        }
        (response.status(), wire)
    }

    /// The response to a request that panicked, for a connection that is closed behind it. Without a date: it is made
    /// long before it is sent.
    pub(crate) fn panic_response(&self) -> ErrorResponse {
        let response = self.render(&RequestError::Panic.into(), "", None);
        let mut before = head(&response);
        before.extend_from_slice(b"connection: close\r\nx-request-id: ");
        ErrorResponse { before, body: response.into_body() }
    }

    fn render(&self, error: &Error, path: &str, id: Option<HeaderValue>) -> Response<Bytes> {
        let instead = self.service.statuses.iter().find(|(from, _)| *from == error.status);
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = instead.map_or(error.status, |(_, to)| *to);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, respond::JSON);
        headers.insert(CACHE_CONTROL, respond::NO_STORE);
        for (name, value) in &error.headers {
            headers.append(name, value.clone());
        }
        if let Some(id) = id {
            headers.insert(X_REQUEST_ID, id);
        }
        let body = (self.service.render)(error, path, headers);
        *response.body_mut() = body;
        response
    }
}

/// The head of an error response as bytes, except for the request's id, the date and the empty line.
fn head(response: &Response<Bytes>) -> Vec<u8> {
    let (status, length) = (response.status(), response.body().len());
    let mut wire =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nx-content-type-options: nosniff\r\n")
            .into_bytes();
    for (name, value) in response.headers() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            wire.extend_from_slice(part);
        }
    }
    wire
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::env::Env;

    static SERVICE: Service<()> = Service {
        name: "test",
        version: "1",
        about: "",
        commands: &[],
        vars: &[],
        defaults: &[],
        sites: &crate::settings::vars::CORS_ORIGINS,
        configure: |_, _| Some(()),
        routes: &[],
        openapi: "{}",
        statuses: &[(StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS)],
        render: |error, _, headers| {
            headers.insert("x-code", HeaderValue::from_static(error.code));
            Bytes::from_static(b"{}")
        },
        metrics: |_, _| {},
        expose: "",
        degraded: |_| Vec::new(),
        other_names: "",
        budgets: |_| Vec::new(),
    };

    #[test]
    fn a_replaced_status_applies_to_every_error() {
        let unset = |_: &str| None;
        let config = Config::read(&mut Env::new(&unset, &[])).unwrap();
        let server = Server::new(&SERVICE, (), config);
        let answer = server.error_response(
            &RequestError::TooManyConnections(1).into(),
            "/",
            HeaderValue::from_static("an-id"),
        );
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["x-code"], "too_many_connections");
        assert_eq!(
            server
                .error_response(&RequestError::NotFound.into(), "/", HeaderValue::from_static("an-id"))
                .status(),
            404
        );

        let id = HeaderValue::from_static("an-id");
        let (status, wire) = server.wire_error(&RequestError::TooManyConnections(1).into(), id);
        let wire = String::from_utf8(wire).unwrap();
        assert_eq!(status, 429);
        assert!(wire.starts_with("HTTP/1.1 429 Too Many Requests\r\n"), "{wire}");
        for field in
            ["x-code: too_many_connections", "x-request-id: an-id", "retry-after: 1", "content-length: 2"]
        {
            assert!(wire.contains(&format!("\r\n{field}\r\n")), "{field} is missing in {wire}");
        }
        assert!(wire.ends_with("\r\n\r\n{}"), "{wire}");
    }
}
