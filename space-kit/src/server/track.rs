//! Follows a request from its head to the end of its response, however it ends: log line, counters, phase.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode, Uri};

use crate::connection::state::{ConnectionState, Phase};
use crate::observe::log::{Level, Value};
use crate::server::render::Server;
use crate::service::body::{Body, BoxError};
use crate::service::client;

/// Logged for a request whose client disconnected before a response was ready (nginx's convention).
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Lives as long as its request. Dropping it logs and counts the request.
pub(crate) struct Track<S: Send + Sync + 'static> {
    pub(crate) server: Arc<Server<S>>,
    pub(crate) state: Arc<ConnectionState>,
    pub(crate) id: HeaderValue,
    pub(crate) client: IpAddr,
    pub(crate) route: Option<usize>,
    pub(crate) probe: bool,
    pub(crate) cause: Option<String>,
    /// The code of an [`Error`](crate::Error).
    pub(crate) code: Option<&'static str>,
    pub(crate) caller: Option<String>,
    /// `traceparent`.
    pub(crate) trace: Option<HeaderValue>,
    method: Method,
    pub(crate) uri: Uri,
    started: Instant,
    status: Option<StatusCode>,
    sent: u64,
    whole: bool,
}

impl<S: Send + Sync + 'static> Track<S> {
    pub(crate) fn new(
        server: Arc<Server<S>>,
        state: Arc<ConnectionState>,
        method: Method,
        uri: Uri,
        id: HeaderValue,
        client: IpAddr,
    ) -> Track<S> {
        server.kit().metrics.in_flight.add(1);
        state.enter(Phase::Serving);
        state.served.began(id.as_bytes(), client, method == Method::HEAD);
        let started = Instant::now();
        Track {
            server,
            state,
            id,
            client,
            route: None,
            probe: false,
            cause: None,
            code: None,
            caller: None,
            trace: None,
            method,
            uri,
            started,
            status: None,
            sent: 0,
            whole: false,
        }
    }

    pub(crate) fn responded(&mut self, status: StatusCode) {
        self.status = Some(status);
        self.state.served.responding();
    }

    fn log(&self, status: u16, took: Duration) {
        let failed = status >= 500 || self.cause.is_some();
        let level = match (failed, self.probe) {
            (true, _) if status >= 500 => Level::Error,
            (true, _) => Level::Warn,
            (false, true) if status < 400 => Level::Debug,
            (false, _) => Level::Info,
        };
        let kit = self.server.kit();
        if !kit.log.enabled(level) {
            return;
        }
        let id = self.id.to_str().unwrap_or("");
        let mut fields = vec![
            ("service", Value::Str(kit.name)),
            ("request_id", Value::Str(id)),
            ("method", Value::Str(self.method.as_str())),
            ("route", Value::Str(kit.metrics.route(self.route))),
            ("path", Value::Str(self.uri.path())),
            ("status", Value::Int(status.into())),
            ("duration_ms", Value::Millis(took)),
            ("bytes", Value::Int(self.sent)),
            ("client", Value::Show(&self.client)),
        ];
        if let Some(trace) = self.trace.as_ref().and_then(client::trace_id) {
            fields.push(("trace_id", Value::Str(trace)));
        }
        if !self.whole {
            fields.push(("aborted", Value::Str("the response was not sent completely")));
        }
        if let Some(caller) = &self.caller {
            fields.push(("caller", Value::Str(caller)));
        }
        if let Some(code) = self.code {
            fields.push(("code", Value::Str(code)));
        }
        if let Some(cause) = &self.cause {
            fields.push(("cause", Value::Str(cause)));
        }
        kit.log.write(level, "request", &fields);
    }
}

impl<S: Send + Sync + 'static> Drop for Track<S> {
    fn drop(&mut self) {
        let gone = StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::BAD_REQUEST);
        let status = self.status.unwrap_or(gone);
        let metrics = &self.server.kit().metrics;
        metrics.in_flight.fall();
        metrics.received_bytes.add(self.state.take_received());
        metrics.sent_bytes.add(self.sent);
        let took = self.started.elapsed();
        metrics.finished(self.route, status, took);
        self.state.enter(Phase::Flushing);
        self.state.served.ended();
        self.log(status.as_u16(), took);
    }
}

/// A response's body with its request's [`Track`].
pub(crate) struct Tracked<S: Send + Sync + 'static> {
    body: Body,
    track: Track<S>,
    /// An error that is held back until hyper has flushed the bytes before it.
    failed: Option<BoxError>,
}

impl<S: Send + Sync + 'static> Tracked<S> {
    pub(crate) fn new(body: Body, mut track: Track<S>) -> Tracked<S> {
        track.whole = body.is_end_stream() || track.method == Method::HEAD;
        Tracked { body, track, failed: None }
    }
}

impl<S: Send + Sync + 'static> HttpBody for Tracked<S> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Tracked { body, track, failed } = self.get_mut();
        if let Some(error) = failed.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let polled = Pin::new(&mut *body).poll_frame(cx);
        match polled {
            Poll::Ready(Some(Err(error))) => {
                track.cause.get_or_insert_with(|| error.to_string());
                *failed = Some(error);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(Some(Ok(ref frame))) => {
                track.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
                track.whole = body.is_end_stream();
            }
            Poll::Ready(None) => track.whole = true,
            Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.failed.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
