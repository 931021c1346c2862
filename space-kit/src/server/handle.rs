//! From a parsed request to its response: checks, routing, CORS, time limit, panics. `/health`, `/metrics`, `/openapi.json` and
//! errors need the service's functions, so they are handled here.

use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body as _, Incoming};
use hyper::ext::ReasonPhrase;
use hyper::header::{ALLOW, CONNECTION, HOST, HeaderValue, ORIGIN, X_CONTENT_TYPE_OPTIONS};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Version};

use crate::connection::state::ConnectionState;
use crate::observe::process;
use crate::observe::readiness::Status;
use crate::server::render::Server;
use crate::server::track::{Track, Tracked};
use crate::service::body::Body;
use crate::service::call::{Call, HandlerResult, Reply};
use crate::service::client::{self, TRACEPARENT, X_REQUEST_ID};
use crate::service::error::{Error, RequestError};
use crate::service::host;
use crate::service::probes;
use crate::service::request_body::RequestBody;
use crate::service::respond;
use crate::service::route::{self, Action, Found, Route};
use crate::settings::cors::Cors;

/// hyper's service for one connection.
pub(crate) struct Handler<S: 'static> {
    pub(crate) server: Arc<Server<S>>,
    pub(crate) state: Arc<ConnectionState>,
    pub(crate) peer: IpAddr,
}

type Finished<S> = Result<Response<Tracked<S>>, Infallible>;

/// The future of a response. A response that is ready needs no allocation.
#[allow(clippy::large_enum_variant)] // boxing would be that allocation
pub(crate) enum Responding<S: Send + Sync + 'static> {
    Ready(Option<Response<Tracked<S>>>),
    Later(Pin<Box<dyn Future<Output = Response<Tracked<S>>> + Send>>),
}

impl<S: Send + Sync + 'static> Future for Responding<S> {
    type Output = Finished<S>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Finished<S>> {
        match &mut *self {
            Responding::Ready(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending, // a future is not polled after it was ready
            },
            Responding::Later(future) => future.as_mut().poll(cx).map(Ok),
        }
    }
}

impl<S: Send + Sync + 'static> hyper::service::Service<Request<Incoming>> for Handler<S> {
    type Response = Response<Tracked<S>>;
    type Error = Infallible;
    type Future = Responding<S>;

    fn call(&self, request: Request<Incoming>) -> Responding<S> {
        let (head, incoming) = request.into_parts();
        let (server, kit) = (&self.server, self.server.kit());
        let id = kit.ids.of(&head.headers);
        let client = client::address(&head.headers, self.peer, kit.config.trusted_proxy_hops);
        let (method, uri) = (head.method.clone(), head.uri.clone());
        let mut track = Track::new(server.clone(), self.state.clone(), method, uri, id, client);
        track.trace = head.headers.get(TRACEPARENT).cloned();
        let length = incoming.size_hint().lower();
        let request = self.state.begin_request();
        let violation = self.state.violation(request);
        let body = RequestBody::new(incoming, kit.config.max_body_bytes, self.state.clone(), request);
        let origin = head.headers.get(ORIGIN).cloned();
        let limit = kit.config.max_body_bytes;
        let checked = violation.map_or(Ok(()), |violation| Err(RequestError::of(violation, limit)));
        let reply = match checked.and_then(|()| dispatch(server, &head, length, &mut track)) {
            Ok(None) => options(server, &head),
            Ok(Some(route)) => {
                let id = track.id.clone();
                let call =
                    Call { head, body, id, client, running: server.running.clone(), pattern: route.path };
                handle(server, route, call)
            }
            Err(RequestError::NotFound) if respond::wants_page(&head.headers) => {
                respond::not_found_page().into()
            }
            Err(error) => Error::from(error).into(),
        };
        match reply {
            Reply::Now(answer) => Responding::Ready(Some(finish(answer, origin, track))),
            Reply::Later(future) => Responding::Later(Box::pin(respond_in_time(future, origin, track))),
        }
    }
}

/// The route of the request, or `None` for OPTIONS, whose response follows from the table.
fn dispatch<S: Send + Sync + 'static>(
    server: &Server<S>,
    head: &Parts,
    length: u64,
    track: &mut Track<S>,
) -> Result<Option<&'static Route<S>>, RequestError> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() || head.version == Version::HTTP_11 && host.is_none() {
        let what = "an HTTP/1.1 request must have exactly one Host header (RFC 9112 section 3.2)";
        return Err(RequestError::Malformed(what));
    }
    let is_probe = head.uri.path().starts_with("/health");
    host::check(host, &server.kit().config, is_probe)?;
    if head.method == Method::OPTIONS {
        return Ok(None);
    }
    let route = match route::find(server.service.routes(), &head.method, head.uri.path()) {
        Found::Route(at, route) => {
            (track.route, track.probe) = (Some(at), route.probe);
            route
        }
        Found::OtherMethods(allow) => return Err(RequestError::MethodNotAllowed(allow)),
        Found::Nothing => return Err(RequestError::NotFound),
    };
    if length > server.kit().config.max_body_bytes as u64 {
        return Err(RequestError::BodyTooLarge(server.kit().config.max_body_bytes));
    }
    Ok(Some(route))
}

/// Runs the route's handler, or the action of the server.
fn handle<S: Send + Sync>(server: &Server<S>, route: &Route<S>, call: Call<S>) -> Reply {
    match route.action {
        Action::Handler(handler) => handler(call),
        Action::Metrics => match probes::may_read_metrics(&call) {
            Ok(()) => metrics(server).into(),
            Err(error) => Error::from(error).into(),
        },
        Action::Health => {
            let running = &server.running;
            probes::health(&running.kit, &(server.service.degraded)(&running.state)).into()
        }
        Action::OpenApi => respond::json_text(server.service.openapi).into(),
    }
}

/// The metrics of the kit and of the service.
fn metrics<S: Send + Sync>(server: &Server<S>) -> Response<Body> {
    let kit = server.kit();
    let mut text = kit.metrics.render(
        kit.name,
        kit.version,
        env!("KIT_RUSTC"),
        kit.clock.started_at,
        kit.config.restarts.by_cause().map(|(cause, count)| (cause.name(), count)),
    );
    process::render(&mut text);
    (server.service.metrics)(&server.running.state, &mut text);
    let content_type = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    respond::with(StatusCode::OK, content_type, text)
}

/// The response to OPTIONS: the permissions of a preflight, or only the methods of the path.
fn options<S: Send + Sync + 'static>(server: &Server<S>, head: &Parts) -> Reply {
    let Some(allow) = route::allow(server.service.routes(), head.uri.path()) else {
        return Error::from(RequestError::NotFound).into();
    };
    let allow = HeaderValue::try_from(allow).unwrap_or(HeaderValue::from_static("OPTIONS"));
    let mut response = respond::no_content();
    if Cors::is_preflight(&head.headers) {
        server.kit().config.cors.preflight(&head.headers, response.headers_mut(), allow.clone());
    }
    response.headers_mut().insert(ALLOW, allow);
    response.into()
}

async fn respond_in_time<S: Send + Sync + 'static>(
    mut future: Pin<Box<dyn Future<Output = HandlerResult> + Send>>,
    origin: Option<HeaderValue>,
    track: Track<S>,
) -> Response<Tracked<S>> {
    let limit = track.server.kit().config.request_timeout;
    let answer = tokio::time::timeout(limit, future.as_mut()).await.unwrap_or_else(|_| {
        Err(match track.state.body_pending() {
            true => RequestError::BodyTimeout(limit),
            false => RequestError::RequestTimeout(limit),
        }
        .into())
    });
    drop(future); // releases what it still holds before the response is sent
    finish(answer, origin, track)
}

/// Renders an error, and adds the headers that every response has.
fn finish<S: Send + Sync + 'static>(
    answer: HandlerResult,
    origin: Option<HeaderValue>,
    mut track: Track<S>,
) -> Response<Tracked<S>> {
    let mut response = answer.unwrap_or_else(|mut error| {
        track.cause = track.cause.take().or_else(|| error.cause.take());
        (track.code, track.caller) = (Some(error.code), error.caller.take());
        track.server.error_response(&error, track.uri.path(), track.id.clone())
    });
    if response.status().canonical_reason().is_none() {
        response.extensions_mut().insert(ReasonPhrase::from_static(b"")); // hyper would write <none>
    }
    let is_error = response.status().as_u16() >= 400;
    let headers = response.headers_mut();
    headers.insert(X_REQUEST_ID, track.id.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, respond::NO_SNIFF);
    // hyper closes a connection whose request's body was not read, and the client should know before it sends the rest.
    let refuses_body = is_error && track.state.body_pending();
    let is_last = refuses_body || track.state.violation(u64::MAX).is_some();
    if is_last || track.server.kit().readiness.status() == Status::Draining {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    track.server.kit().config.cors.apply(origin.as_ref(), headers, track.server.service.expose);
    track.responded(response.status());
    response.map(|body| Tracked::new(body, track))
}
