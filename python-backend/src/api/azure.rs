//! Every path under `/openai`, where Azure's clients look for the API: the same endpoints as under `/v1`.

use hyper::Method;
use space_kit::{Call, Reply};

use super::inference::{Inference, respond};
use super::{models, passthrough};
use crate::state::State;
use crate::wire::azure_path;

/// Responds as the same path under `/v1` does.
pub(crate) fn serve(call: Call<State>) -> Reply {
    let is_post = call.head.method == Method::POST;
    match azure_path::below(call.head.uri.path()) {
        "/chat/completions" if is_post => Reply::later(respond(call, Inference::Chat)),
        "/completions" if is_post => Reply::later(respond(call, Inference::Completion)),
        "/embeddings" if is_post => Reply::later(respond(call, Inference::Embedding)),
        "/models" if !is_post => Reply::later(models::list(call)),
        _ => Reply::later(passthrough::pass(call)),
    }
}
