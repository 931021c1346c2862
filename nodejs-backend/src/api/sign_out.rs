//! `POST /api/auth/sign-out`.

use space_kit::{Call, HandlerResult, Reply, respond};

use super::request;
use crate::State;
use crate::web::response::{no_store, with_cookies};

pub(crate) fn post(call: Call<State>) -> Reply {
    Reply::later(sign_out(call))
}

/// Revokes every session of the request. Until this process ends, it also rejects copies of their cookies.
async fn sign_out(call: Call<State>) -> HandlerResult {
    let Call { head, body, running, .. } = call;
    let (state, now) = (&running.state, request::now().unix);
    request::require_trusted_json(&head.headers, state)?;
    request::object(body).await?;
    let sessions = state.sessions();
    for found in sessions.all(&head.headers) {
        if now < found.session.expires {
            state.revoked_sessions.insert(&found.session.id, now);
        }
    }
    let cookies = sessions.clear().into_iter().chain(sessions.clear_account_of(&head.headers));
    with_cookies(no_store(respond::json_text(r#"{"success":true}"#)), cookies)
}
