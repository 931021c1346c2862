//! `GET /login/{provider}`: a sign-in that begins with a link or in a new tab.

use space_kit::{Call, HandlerResult, Reply, StatusCode};

use super::start::{Begun, begin, destination};
use super::{error_page, redirect, request, visit};
use crate::State;
use crate::flow::{Start, Way};
use crate::oidc::Wishes;

pub(crate) fn get(call: Call<State>) -> Reply {
    visit::reply(call, answer)
}

async fn answer(call: Call<State>) -> HandlerResult {
    visit::needs_navigation(&call.head.headers)?;
    if let Some(answer) = visit::elsewhere(&call) {
        return answer;
    }
    let provider = call.param("provider").unwrap_or_default().to_owned();
    let Call { head, running, client, id, .. } = call;
    let state = &running.state;
    request::limit(state, client)?;
    let params = request::params(head.uri.query().unwrap_or_default())?;
    let begun = async {
        let start = Start {
            provider,
            way: Way::Callback,
            callback_url: destination(state, params.get("callbackURL"), "invalid_callback_url")?
                .unwrap_or_else(|| "/".to_owned()),
            error_url: destination(state, params.get("errorCallbackURL"), "invalid_error_callback_url")?,
            popup: None,
        };
        begin(state, &head.headers, start, &Wishes::default()).await
    };
    match begun.await {
        Ok(Begun { url, cookies }) => redirect(&url, cookies),
        Err(error) if error.status == StatusCode::INTERNAL_SERVER_ERROR => Err(error),
        // A visitor reads pages, not JSON.
        Err(error) => {
            let cause = error.cause.as_deref().unwrap_or(&error.message);
            super::callback::note(&running, &id, error.code, cause);
            if error.status == StatusCode::BAD_REQUEST {
                return Err(error); // its words name what is too long
            }
            redirect(&error_page::address(error.code), [])
        }
    }
}
