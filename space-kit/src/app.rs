//! What all requests of a running service share.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

use crate::body::Body;
use crate::client::{RequestIds, X_REQUEST_ID};
use crate::config::Config;
use crate::error::Error;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::respond;
use crate::service::Service;

/// A running service.
pub struct App<S: 'static> {
    /// The service's constant description.
    pub service: &'static Service<S>,
    /// The service's own state.
    pub state: S,
    /// The kit's settings.
    pub config: Config,
    /// The log.
    pub log: Log,
    /// Whether requests are welcome.
    pub readiness: Readiness,
    /// The counters.
    pub metrics: Metrics,
    /// When the process started, for uptime.
    pub started: Instant,
    /// When the process started, as wall-clock time.
    pub started_at: SystemTime,
    pub(crate) ids: RequestIds,
}

impl<S: Send + Sync + 'static> App<S> {
    pub(crate) fn new(service: &'static Service<S>, state: S, config: Config) -> Arc<App<S>> {
        let labels = service.routes().map(|route| (route.method.to_string(), route.path));
        Arc::new(App {
            log: Log::new(config.log_level, config.log_format),
            readiness: Readiness::default(),
            metrics: Metrics::new(labels),
            started: Instant::now(),
            started_at: SystemTime::now(),
            ids: RequestIds::default(),
            service,
            state,
            config,
        })
    }

    /// An error as the service answers it. The cause stays here.
    pub(crate) fn error_response(&self, error: &Error) -> Response<Body> {
        self.render(error).map(Body::from)
    }

    /// The answer to something that is not a request yet, as bytes for the wire (RFC 9112 section 4).
    pub(crate) fn wire_refusal(&self, error: &Error, id: HeaderValue) -> (StatusCode, Vec<u8>) {
        let mut response = self.render(error);
        response.headers_mut().insert(X_REQUEST_ID, id);
        let status = response.status();
        let mut wire =
            format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", response.body().len()).into_bytes();
        for (name, value) in response.headers() {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                wire.extend_from_slice(part);
            }
        }
        wire.extend_from_slice(b"\r\n");
        wire.extend_from_slice(response.body());
        (status, wire)
    }

    fn render(&self, error: &Error) -> Response<Bytes> {
        let instead = self.service.statuses.iter().find(|(from, _)| *from == error.status);
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = instead.map_or(error.status, |(_, to)| *to);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, respond::JSON);
        headers.insert(CACHE_CONTROL, respond::NO_STORE);
        for (name, value) in &error.headers {
            headers.append(name, value.clone());
        }
        let body = (self.service.render)(error, headers);
        *response.body_mut() = body;
        response
    }
}
