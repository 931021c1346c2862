//! `POST /api/auth/sign-out`.

use space_kit::{Call, HandlerResult, Reply, Value, respond};

use super::request;
use crate::State;
use crate::session::replay::Inserted;
use crate::web::response::{no_store, with_cookies};

const FORGOTTEN: &str = "too many sign-outs to remember: an earlier one is forgotten, and copies of its cookie are accepted again";

pub(crate) fn post(call: Call<State>) -> Reply {
    Reply::later(sign_out(call))
}

/// Revokes every session of the request. Until this process ends, it also rejects copies of their cookies.
async fn sign_out(call: Call<State>) -> HandlerResult {
    let Call { head, body, running, id, .. } = call;
    let (state, now) = (&running.state, request::now().unix);
    request::require_trusted_json(&head.headers, state)?;
    request::object(body).await?;
    let sessions = state.sessions();
    for found in sessions.all(&head.headers) {
        let end = state.lifetimes.end_of_copies(&found.session, now);
        if now < end && state.revoked_sessions.insert(&found.session.id, end, now) == Inserted::Displacing {
            let id = id.to_str().unwrap_or_default();
            running.kit.log.warn(FORGOTTEN, &[("request_id", Value::Str(id))]);
        }
    }
    let cookies = sessions.clear().into_iter().chain(sessions.clear_account_of(&head.headers));
    with_cookies(no_store(respond::json_text(r#"{"success":true}"#)), cookies)
}
