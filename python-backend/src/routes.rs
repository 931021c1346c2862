//! All routes of the service. The contract in `specs/` lists the same ones.

use space_kit::{Reply, Route};

use crate::config::State;
use crate::{chat, models, page};

pub(crate) const ROUTES: &[Route<State>] = &[
    Route::get("/", |call| page::front(&call).into()),
    Route::get("/v1/models", |_| models::list().into()),
    Route::get("/v1/models/{model}", |call| models::retrieve(&call)),
    Route::post("/v1/chat/completions", |call| Reply::later(chat::completions(call))),
];
