//! `POST /api/auth/sign-out`.

use space_kit::{Call, HandlerResult, Reply, respond};

use super::{no_store, request, sessions, with_cookies};
use crate::State;

pub(crate) fn post(call: Call<State>) -> Reply {
    Reply::later(answer(call))
}

/// Ends every session that the request brings, copies of it too as long as this process lives.
async fn answer(call: Call<State>) -> HandlerResult {
    let Call { head, body, running, .. } = call;
    let (state, now) = (&running.state, request::now());
    request::admit(&head.headers, state)?;
    request::object(body).await?;
    for found in sessions::every(state, &head.headers) {
        if now < found.session.expires {
            state.signed_out.spend(&found.session.id, now);
        }
    }
    with_cookies(no_store(respond::json_text(r#"{"success":true}"#)), sessions::clear(state))
}
