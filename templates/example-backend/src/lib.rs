//! An example backend: notes that are listed and created, and a stream. Replace them by your own.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use space_kit::{
    Body, Call, Env, HandlerResult, HeaderValue, Json, Number, Path, Query, Reply, Route, Service, StatusCode,
    Text, parse, respond,
};

space_kit::vars! {
    VARS;
    MAX_NOTES = "100", "a whole number above 0", "number of notes that are kept, in memory; the oldest ones are dropped";
    NOTES_KEY (secret) = "", "at least 16 visible ASCII characters", "key required by POST /notes as Authorization: Bearer; unset: none";
}

/// The state that all requests share.
pub struct State {
    max_notes: usize,
    key: Option<String>,
    notes: Mutex<VecDeque<Note>>,
}

#[derive(Clone, Deserialize, Serialize)]
struct Note {
    text: Text<1, 200>,
}

#[derive(Deserialize)]
struct Page {
    limit: Option<Number<1, 100>>,
}

/// The service definition that the kit runs.
pub static SERVICE: Service<State> = Service {
    name: "example-backend",
    version: env!("CARGO_PKG_VERSION"),
    about: "a small backend for a Hugging Face Space",
    vars: &[("notes", VARS)],
    defaults: &[("MAX_BODY_BYTES", "16KiB")],
    configure: |env, _| configure(env),
    routes: &[
        Route::get("/", |_| respond::json_text(r#"{"openapi":"/openapi.json","health":"/health"}"#).into()),
        Route::get("/notes", |call| list(&call).into()),
        Route::post("/notes", |call| Reply::later(create(call))),
        Route::get("/countdown/{from}", |call| countdown(&call).into()),
    ],
    openapi: include_str!("../../specs/example-backend/contracts/example-backend.json"),
    ..Service::DEFAULT
};

fn configure(env: &mut Env<'_>) -> Option<State> {
    let (max_notes, key) = (env.read(&MAX_NOTES, parse::count), env.optional(&NOTES_KEY, parse::token));
    Some(State { max_notes: max_notes?, key: key?, notes: Mutex::default() }) // after reading both, so that all problems are reported
}

fn list(call: &Call<State>) -> HandlerResult {
    let Query(page) = Query::<Page>::read(call)?;
    let notes = call.state.notes.lock().unwrap_or_else(PoisonError::into_inner);
    let newest: Vec<&Note> = notes.iter().take(page.limit.map_or(10, |limit| *limit)).collect();
    Json(newest).respond(StatusCode::OK)
}

async fn create(mut call: Call<State>) -> HandlerResult {
    call.state.key.as_deref().map_or(Ok(()), |key| call.require_key(key))?;
    let Json(note) = Json::<Note>::read(&mut call).await?;
    let mut notes = call.state.notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.push_front(note.clone());
    notes.truncate(call.state.max_notes);
    Json(note).respond(StatusCode::CREATED)
}

/// Streams one line per number. Each line is produced only after the client has read the previous one, and none
/// after the client has disconnected.
fn countdown(call: &Call<State>) -> HandlerResult {
    let Path(from) = Path::<Number<1, 1000>>::read(call, "from")?;
    let lines = Body::produce(move |mut sender| async move {
        for number in (1..=*from).rev() {
            sender.send(format!("{number}\n")).await;
        }
        Ok(())
    });
    Ok(respond::with(StatusCode::OK, HeaderValue::from_static("text/plain; charset=utf-8"), lines))
}
