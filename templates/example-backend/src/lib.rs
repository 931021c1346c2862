//! An example backend: notes that are listed and created, a stream, and a call to another service.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use space_kit::prelude::*;

space_kit::state! {
    VARS: pub State;
    max_notes: usize = MAX_NOTES, "100", "a whole number above 0", "number of notes that are kept, in memory; the oldest ones are dropped", parse::count;
    key: Option<String> = NOTES_KEY (secret), "", "at least 16 visible ASCII characters", "key required by POST /notes as Authorization: Bearer; unset: none", parse::token;
    models_url: Url = MODELS_URL, "https://huggingface.co/api/models?sort=trendingScore&limit=5", "an https address, or http to a private one", "what GET /models asks", Url::parse;
    http: HttpClient => HttpClient::configure;
    notes: Mutex<VecDeque<Note>>;
}

space_kit::types! {
    struct Note { text: Text<1, 200> }
    struct Page { limit: Option<Number<1, 100>> }
    struct Model { id: String, likes: u64 }
}

space_kit::routes! {
    ROUTES, pub OPERATIONS: State;
    GET "/" = links() -> OK Links, "Links to the other endpoints";
    GET "/notes" = list(query: Page) -> OK Vec<Note>, "The newest notes, from the newest";
    POST "/notes" [key] = create(body: Note) -> CREATED Note, "Creates a note";
    GET "/countdown/{from}" = countdown(from: Number<1, 1000>) -> OK PlainText, "Counts down, one line per number";
    GET "/models" = models() -> OK Vec<Model>, "The models that are trending on the Hub";
}

/// The service definition that the kit runs.
pub static SERVICE: Service<State> = Service {
    vars: &[("notes", VARS), ("TLS", &[&SSL_CERT_FILE])],
    defaults: &[("MAX_BODY_BYTES", "16KiB")],
    configure: |env, _| State::configure(env),
    routes: ROUTES,
    ..space_kit::service!()
};

async fn list(call: Call<State>, page: Page) -> Result<Vec<Note>, Error> {
    let notes = call.state.notes.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(notes.iter().take(page.limit.map_or(10, |limit| *limit)).cloned().collect())
}

async fn create(call: Call<State>, note: Note) -> Result<Note, Error> {
    let mut notes = call.state.notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.push_front(note.clone());
    notes.truncate(call.state.max_notes);
    Ok(note)
}

async fn countdown(_: Call<State>, from: Number<1, 1000>) -> Result<PlainText, Error> {
    Ok(PlainText::lines((1..=*from).rev()))
}

async fn models(call: Call<State>) -> Result<Vec<Model>, Error> {
    call.state.http.get(&call.state.models_url).await
}
