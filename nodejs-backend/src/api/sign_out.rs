//! `POST /api/auth/sign-out`.

use space_kit::{Answer, Call, Reply, respond};

use super::{no_store, request, sessions, with_cookies};
use crate::State;

pub(crate) fn post(call: Call<State>) -> Reply {
    Reply::later(answer(call))
}

/// Ends every session that the request brings, copies of it too as long as this process lives.
async fn answer(call: Call<State>) -> Answer {
    let Call { head, body, app, .. } = call;
    let (state, now) = (&app.state, request::now());
    request::admit(&head.headers, state)?;
    request::object(body).await?;
    for found in sessions::every(state, &head.headers) {
        if now < found.session.expires {
            state.signed_out.spend(&found.session.id, now);
        }
    }
    with_cookies(no_store(respond::json_text(r#"{"success":true}"#)), sessions::clear(state))
}
