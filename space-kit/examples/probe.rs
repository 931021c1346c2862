//! A complete service in one file. The kit's tests run it as a process and misuse each of its routes.
#![no_main]
#![allow(clippy::panic)] // some routes panic, for the tests

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Instant;

use space_kit::rate_limit::{Bucket, Limiter, Rate};
use space_kit::{
    Body, Call, Config, Env, Error, HandlerResult, HeaderMap, Reply, Response, Route, Service, StatusCode,
    Var, respond,
};
use tokio::sync::Notify;

/// The state that all requests share.
struct State {
    greeting: String,
    release: Arc<Notify>,
    limiter: Limiter<RandomState>,
}

static GREETING: Var = Var {
    name: "GREETING",
    default: "hello",
    accepts: "1 to 20 characters",
    meaning: "what GET /hello says",
    secret: false,
};

static SERVICE: Service<State> = Service {
    name: "probe",
    version: env!("CARGO_PKG_VERSION"),
    about: "a service that the kit's tests talk to",
    commands: &[],
    vars: &[("probe", &[&GREETING])],
    defaults: &[("MAX_BODY_BYTES", "64KiB")],
    sites: &space_kit::vars::CORS_ORIGINS,
    configure,
    routes: &[
        Route::get("/hello", |call| respond::json(&call.state.greeting.clone().into()).into()),
        Route::get("/hello/{name}", |call| respond::json(&call.param("name").into()).into()),
        Route::post("/echo", |call| Reply::later(echo(call))),
        Route::get("/hang", |_| Reply::later(std::future::pending())),
        Route::get("/stream", |call| stream(&call).into()),
        Route::post("/release", |call| release(&call).into()),
        Route::post("/relay", |call| relay(call).into()),
        Route::post("/wait", |call| Reply::later(wait(call))),
        Route::get("/endless", |_| endless().into()),
        Route::get("/panic", |_| panic!("at once")),
        Route::get("/panic/later", |_| Reply::later(async { panic!("later") })),
        Route::get("/panic/body", |_| panicking_body().into()),
        Route::post("/panic/unread", |_| panic!("with the body unread")),
        Route::get("/panic/background", |_| background().into()),
        Route::get("/crash/overflow", |_| respond::json(&overflow(1).into()).into()),
        Route::get("/crash/allocation", |_| respond::json(&allocation().into()).into()),
        Route::get("/limited", |call| limited(&call).into()),
        Route::get("/fail", |_| failure().into()),
    ],
    openapi: r#"{"openapi":"3.1.0"}"#,
    statuses: &[],
    render: |error, _: &str, _: &mut HeaderMap| {
        serde_json::json!({"code": error.code, "message": error.message, "param": error.param})
            .to_string()
            .into()
    },
    metrics: |_, out| out.push_str("# TYPE probe_own_total counter\nprobe_own_total 1\n"),
    expose: "x-request-id",
    degraded: |state| if state.greeting == "weak" { vec!["one reason", "another"] } else { Vec::new() },
    other_names: "SALUTATION=GREETING",
    budgets: |_| Vec::new(),
};

space_kit::program!(SERVICE);

fn configure(env: &mut Env<'_>, kit: &Config) -> Option<State> {
    let greeting = |text: &str| (1..=20).contains(&text.chars().count()).then(|| text.to_owned());
    let limiter = Limiter::new(Rate::parse("2/h")?, Instant::now(), RandomState::new());
    Some(State {
        greeting: env.read(&GREETING, greeting)?,
        release: Arc::default(),
        limiter: limiter.charging(kit.restarts.client()),
    })
}

async fn echo(call: Call<State>) -> HandlerResult {
    let body = call.body.bytes().await?;
    Ok(Response::new(body.into()))
}

/// Sends one line, and another one after POST /release.
fn stream(call: &Call<State>) -> Response<Body> {
    let release = call.state.release.clone();
    Response::new(Body::produce(|mut sender| async move {
        sender.send("first\n").await;
        release.notified().await;
        sender.send("last\n").await;
        Ok(())
    }))
}

fn release(call: &Call<State>) -> Response<Body> {
    call.state.release.notify_one();
    respond::no_content()
}

/// Sends the request body back while it arrives.
fn relay(call: Call<State>) -> Response<Body> {
    let mut received = call.body;
    Response::new(Body::produce(|mut sender| async move {
        while let Some(chunk) = received.chunk().await {
            sender.send(chunk.map_err(|error| format!("{error:?}"))?).await;
        }
        Ok(())
    }))
}

/// Responds after POST /release, without reading the body.
async fn wait(call: Call<State>) -> HandlerResult {
    call.state.release.notified().await;
    Ok(respond::no_content())
}

fn endless() -> Response<Body> {
    Response::new(Body::produce(|mut sender| async move {
        loop {
            sender.send(vec![b'.'; 16 * 1024]).await;
        }
    }))
}

fn panicking_body() -> Response<Body> {
    Response::new(Body::produce(|mut sender| async move {
        sender.send("first\n").await;
        panic!("in the body")
    }))
}

/// Panics in a task that belongs to no connection.
fn background() -> Response<Body> {
    space_kit::task::spawn(async { panic!("in the background") });
    respond::no_content()
}

/// Uses all of the stack.
#[allow(unconditional_recursion)]
fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    overflow(depth + 1) + room.iter().sum::<u64>()
}

/// Asks for more memory than a process can address.
fn allocation() -> u64 {
    let room: Vec<u8> = Vec::with_capacity(std::hint::black_box(isize::MAX as usize / 2));
    std::hint::black_box(&room).capacity() as u64
}

/// Whether the client may send another request.
fn limited(call: &Call<State>) -> Response<Body> {
    let verdict = call.state.limiter.take(Bucket::address(call.client), Instant::now());
    respond::json(&verdict.admitted.into())
}

fn failure() -> Error {
    Error::new(StatusCode::BAD_GATEWAY, "upstream", "the upstream did not respond")
        .cause("token hf_x was refused")
}
