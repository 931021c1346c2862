//! All routes of the service. The contract in `specs/` lists the same ones.

use space_kit::{Error, Reply, Route, StatusCode};

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
    Route::post("/v1", |_| base_url_alone().into()),
];

/// `InferenceClient(base_url).feature_extraction()` posts to the base address itself.
fn base_url_alone() -> Error {
    let message =
        "there is nothing at /v1 itself; chat is at /v1/chat/completions, embeddings are at /v1/embeddings";
    Error::new(StatusCode::NOT_FOUND, "unknown_url", message)
}
