//! An example backend: a JSON endpoint with validation and an optional key, and a stream. Replace them by your own.

use serde_json::{Value, json};
use space_kit::{
    Body, Call, Config, Env, Error, HandlerResult, HeaderMap, HeaderValue, Reply, Route, Service, StatusCode,
    parse, respond, vars,
};
use subtle::ConstantTimeEq as _;

space_kit::vars! {
    VARS;
    GREETING = "Hello", "1 to 40 characters", "first word of the greeting";
    GREET_KEY (secret) = "", "at least 16 visible ASCII characters", "key required by POST /greet as Authorization: Bearer; unset: none";
}

/// The state that all requests share.
#[derive(Debug)]
pub struct State {
    greeting: String,
    key: Option<String>,
}

/// The service definition that the kit runs.
pub static SERVICE: Service<State> = Service {
    name: "example-backend",
    version: env!("CARGO_PKG_VERSION"),
    about: "a small backend for a Hugging Face Space",
    commands: &[],
    vars: &[("greetings", VARS)],
    defaults: &[("MAX_BODY_BYTES", "16KiB")],
    sites: &vars::CORS_ORIGINS,
    configure,
    routes: &[
        Route::get("/", |_| respond::json_text(r#"{"openapi":"/openapi.json","health":"/health"}"#).into()),
        Route::post("/greet", |call| Reply::later(greet(call))),
        Route::get("/countdown/{from}", |call| countdown(&call).into()),
    ],
    openapi: include_str!("../../specs/example-backend/contracts/example-backend.json"),
    statuses: &[],
    render,
    metrics: |_, _| {},
    expose: "x-request-id",
    degraded: |_| Vec::new(),
    other_names: "",
    budgets: |_| Vec::new(),
};

fn configure(env: &mut Env<'_>, _: &Config) -> Option<State> {
    let greeting = |text: &str| (1..=40).contains(&text.chars().count()).then(|| text.to_owned());
    let (greeting, key) = (env.read(&GREETING, greeting), env.optional(&GREET_KEY, parse::token));
    Some(State { greeting: greeting?, key: key? }) // read both variables first, so that all problems are reported together
}

/// Renders the JSON body of every error, including the kit's own.
fn render(error: &Error, _path: &str, _: &mut HeaderMap) -> space_kit::Bytes {
    json!({"error": {"code": error.code, "message": error.message, "param": error.param}}).to_string().into()
}

async fn greet(call: Call<State>) -> HandlerResult {
    let state = &call.running.state; // the same as `call.state`, but still usable after `call.body` is taken
    if let Some(key) = &state.key {
        let given = call.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        // Compare in constant time, so that the duration does not reveal how much of the key matches.
        if !given.is_some_and(|given| given.as_bytes().ct_eq(key.as_bytes()).into()) {
            return Err(Error::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "send the key as Authorization: Bearer KEY",
            ));
        }
    }
    let body = call.body.bytes().await?;
    let name = serde_json::from_slice(&body)
        .ok()
        .and_then(|body: Value| body.get("name")?.as_str().map(str::to_owned))
        .filter(|name| (1..=100).contains(&name.chars().count()))
        .ok_or_else(|| {
            invalid("name must be a string of 1 to 100 characters in a JSON object").param("name")
        })?;
    Ok(respond::json(&json!({"greeting": format!("{}, {name}!", state.greeting)})))
}

/// Streams one line per number. Each line is produced only after the client has read the previous one, and none
/// after the client has disconnected.
fn countdown(call: &Call<State>) -> HandlerResult {
    let from = call.param("from").and_then(|text| text.parse().ok()).filter(|from| (1..=1000).contains(from));
    let from: u32 = from.ok_or_else(|| invalid("from must be a number from 1 to 1000").param("from"))?;
    let lines = Body::produce(move |mut sender| async move {
        for number in (1..=from).rev() {
            sender.send(format!("{number}\n")).await;
        }
        Ok(())
    });
    Ok(respond::with(StatusCode::OK, HeaderValue::from_static("text/plain; charset=utf-8"), lines))
}

fn invalid(message: &'static str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "invalid", message)
}
