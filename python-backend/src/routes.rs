//! All routes of the service. The contract in `specs/` lists the same ones.

use space_kit::{Error, Refusal, Reply, Route};

use crate::config::State;
use crate::forward::{Kind, answer};
use crate::{models, page, tunnel};

pub(crate) const ROUTES: &[Route<State>] = &[
    Route::get("/", |call| page::front(&call).into()),
    Route::get("/v1/models", |call| Reply::later(models::list(call))),
    Route::get("/v1/models/{*model}", |call| Reply::later(models::retrieve(call))),
    Route::post("/v1/chat/completions", |call| Reply::later(answer(call, Kind::Chat))),
    Route::post("/v1/completions", |call| Reply::later(answer(call, Kind::Completion))),
    Route::post("/v1/embeddings", |call| Reply::later(answer(call, Kind::Embedding))),
    Route::get("/v1/{*path}", |call| Reply::later(tunnel::pass(call))),
    Route::post("/v1/{*path}", |call| Reply::later(tunnel::pass(call))),
    Route::delete("/v1/{*path}", |call| Reply::later(tunnel::pass(call))),
    // `InferenceClient(base_url).feature_extraction()` posts to the base address itself.
    Route::post("/v1", |_| Error::from(Refusal::NotFound).into()),
];
