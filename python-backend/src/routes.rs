//! All routes of the service. The contract in `specs/` lists the same ones.

use space_kit::{Error, Reply, RequestError, Route};

use crate::api::inference::{Inference, respond};
use crate::api::{azure, models, passthrough};
use crate::page;
use crate::state::State;

pub(crate) const ROUTES: &[Route<State>] = &[
    Route::get("/", |call| page::front(&call).into()),
    Route::get("/v1/models", |call| Reply::later(models::list(call))),
    Route::get("/v1/models/{*model}", |call| Reply::later(models::retrieve(call))),
    Route::post("/v1/chat/completions", |call| Reply::later(respond(call, Inference::Chat))),
    Route::post("/v1/completions", |call| Reply::later(respond(call, Inference::Completion))),
    Route::post("/v1/embeddings", |call| Reply::later(respond(call, Inference::Embedding))),
    Route::get("/v1/{*path}", |call| Reply::later(passthrough::pass(call))),
    Route::post("/v1/{*path}", |call| Reply::later(passthrough::pass(call))),
    Route::delete("/v1/{*path}", |call| Reply::later(passthrough::pass(call))),
    Route::get("/openai/{*path}", azure::serve),
    Route::post("/openai/{*path}", azure::serve),
    Route::delete("/openai/{*path}", azure::serve),
    // `InferenceClient(base_url).feature_extraction()` posts to the base URL itself.
    Route::post("/v1", |_| Error::from(RequestError::NotFound).into()),
];
