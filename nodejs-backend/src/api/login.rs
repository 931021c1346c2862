//! `GET /login/{provider}`: a sign-in that begins with a link or in a new tab.

use space_kit::{Answer, Call, Reply, StatusCode};

use super::start::{Begun, begin, destination, needs_navigation};
use super::{error_page, redirect, request};
use crate::State;
use crate::flow::{Start, Way};
use crate::oidc::Wishes;

pub(crate) fn get(call: Call<State>) -> Reply {
    Reply::later(answer(call))
}

async fn answer(call: Call<State>) -> Answer {
    let provider = call.param("provider").unwrap_or_default().to_owned();
    let Call { head, app, client, id, .. } = call;
    let state = &app.state;
    needs_navigation(&head.headers)?;
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
            super::callback::note(&app, &id, error.code, error.cause.as_deref().unwrap_or_default());
            redirect(&error_page::address(error.code, ""), [])
        }
    }
}
