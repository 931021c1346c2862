//! `GET /v1/models` and `GET /v1/models/{model}`.

use serde_json::{Value, json};
use space_kit::{Body, Call, Error, Reply, Response, StatusCode, respond};

use crate::config::State;
use crate::demo;

pub(crate) fn list() -> Response<Body> {
    respond::json(&json!({"object": "list", "data": [demo_model()]}))
}

pub(crate) fn retrieve(call: &Call<State>) -> Reply {
    match call.param("model") {
        Some(demo::MODEL) => respond::json(&demo_model()).into(),
        other => unknown(other.unwrap_or_default()).into(),
    }
}

/// The refusal of a model that is not served.
pub(crate) fn unknown(model: &str) -> Error {
    let shown: String = model.chars().take(100).collect();
    let message = format!("the model {shown:?} does not exist here; available: {:?}", demo::MODEL);
    Error::new(StatusCode::NOT_FOUND, "model_not_found", message).param("model")
}

fn demo_model() -> Value {
    // The same stamp for ever: the demo model has no training date.
    json!({"id": demo::MODEL, "object": "model", "created": 0, "owned_by": "python-backend"})
}
