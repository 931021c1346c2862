//! `GET /login/{provider}`: starts a sign-in from a link or in a new tab.

use space_kit::{Call, HandlerResult, Reply, StatusCode};

use super::request::{self, now};
use super::start_flow::{StartedFlow, destination, start_flow};
use super::{error_page, failure};
use crate::State;
use crate::flow::{CallbackPath, FlowRequest};
use crate::oidc::SignInOptions;
use crate::web::navigation::require_navigation;
use crate::web::response::redirect;

pub(crate) fn get(call: Call<State>) -> Reply {
    error_page::show_errors(call, start)
}

async fn start(call: Call<State>) -> HandlerResult {
    require_navigation(&call.head.headers)?;
    if let Some(address) = request::address_on_own_host(&call) {
        return redirect(&address, []);
    }
    let provider = call.param("provider").unwrap_or_default().to_owned();
    let Call { head, running, client, id, .. } = call;
    let (state, now) = (&running.state, now());
    request::rate_limit(state, client, now.instant)?;
    let params = request::params(head.uri.query().unwrap_or_default())?;
    let started = async {
        let request = FlowRequest {
            provider,
            callback_path: CallbackPath::Social,
            callback_url: destination(state, params.get("callbackURL"), "invalid_callback_url")?
                .unwrap_or_else(|| "/".to_owned()),
            error_url: destination(state, params.get("errorCallbackURL"), "invalid_error_callback_url")?,
            opener: None,
        };
        start_flow(state, &head.headers, request, &SignInOptions::default(), now).await
    };
    match started.await {
        Ok(StartedFlow { url, cookies, .. }) => redirect(&url, cookies),
        Err(error) if error.status == StatusCode::INTERNAL_SERVER_ERROR => Err(error),
        // A visitor follows the link, so the error is a page instead of JSON.
        Err(error) => {
            let cause = error.cause.as_deref().unwrap_or(&error.message);
            failure::log_failure(&running.kit.log, "sign-in failed", &id, error.code, cause);
            if error.status == StatusCode::BAD_REQUEST {
                return Err(error); // its message names the parameter that is too long
            }
            redirect(&error_page::address(error.code), [])
        }
    }
}
