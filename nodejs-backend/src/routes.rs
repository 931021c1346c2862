//! All routes of the service. The contract in `specs/` lists the same ones.

use space_kit::{Route, respond};

use crate::{State, get_session, page};

pub(crate) const ROUTES: &[Route<State>] = &[
    Route::get("/", |call| page::front(&call).into()),
    Route::get("/api/auth/ok", |_| respond::json_text(r#"{"ok":true}"#).into()),
    Route::get("/api/auth/get-session", |_| get_session::get().into()),
];
