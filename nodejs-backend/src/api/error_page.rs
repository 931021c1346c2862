//! The error page: `GET /api/auth/error`, and any endpoint that a browser navigates to. A visitor sees it if a sign-in
//! fails and the site has named no error page of its own.

use std::future::Future;

use space_kit::{Call, Error, HandlerResult, Reply, StatusCode};

use super::page::Page;
use super::request;
use crate::State;
use crate::web::html::escape;
use crate::web::navigation::expects_page;
use crate::web::query;

/// The path of the error page for a code.
pub(super) fn address(code: &str) -> String {
    query::append("/api/auth/error", &[("error", code)])
}

pub(crate) fn get(call: Call<State>) -> Reply {
    show_errors(call, async |call| {
        let params = request::params(call.head.uri.query().unwrap_or_default())?;
        // An attacker can write such an address, so it selects one of our texts and adds none of its own.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        let code = params.non_empty("error").filter(|code| code.len() <= 64 && code.bytes().all(plain));
        page(StatusCode::OK, code.unwrap_or("unknown"), "", &call.state)
    })
}

/// Runs the handler of an endpoint that browsers navigate to. If it rejects a navigation, the visitor sees the error
/// page; a program gets JSON.
pub(super) fn show_errors<F>(call: Call<State>, handler: impl FnOnce(Call<State>) -> F) -> Reply
where
    F: Future<Output = HandlerResult> + Send + 'static,
{
    let (wants_page, running) = (expects_page(&call.head.headers), call.running.clone());
    let result = handler(call);
    Reply::later(async move {
        match result.await {
            Err(error) if wants_page && error.status.is_client_error() => for_error(&error, &running.state),
            result => result,
        }
    })
}

fn for_error(error: &Error, state: &State) -> HandlerResult {
    let reason = format!("<p>Reason: {}.</p>\n", escape(&error.message));
    let mut response = page(error.status, error.code, &reason, state)?;
    response.headers_mut().extend(error.headers.iter().cloned());
    Ok(response)
}

fn page(status: StatusCode, code: &str, reason: &str, state: &State) -> HandlerResult {
    let title = "The sign-in failed";
    let body = format!(
        "<h1>{title}</h1>\n<p>{}</p>\n{reason}<p><small>Code: <code>{}</code></small></p>\n\
         <p><a class=\"primary\" href=\"/\">Back to the sign-in page</a></p>",
        advice(code),
        escape(code)
    );
    Page { status, title, body, script: "", forms: "'none'" }.respond(state)
}

/// What happened, and what the visitor can do.
fn advice(code: &str) -> &'static str {
    match code {
        "access_denied" => "You did not allow this site to sign you in. You can try again at any time.",
        "not_allowed" => {
            "Your account may not sign in here. Ask the operator of this site, or use another account."
        }
        "state_not_found" | "state_mismatch" => {
            "The sign-in took longer than ten minutes, was already completed, or started in another browser or \
             frame. Try again, if possible in a new tab and with cookies allowed."
        }
        "provider_unavailable" => "The sign-in provider cannot be reached. Try again in a few seconds.",
        "no_code" | "invalid_code" => "The provider did not confirm the sign-in. Try again.",
        "issuer_mismatch" | "unable_to_get_user_info" => {
            "The provider's response failed a security check. If this happens again, tell the operator of this \
             site: the service's log has the cause."
        }
        "invalid_callback_url" | "invalid_error_callback_url" => {
            "The link that you followed would have sent you to a site that this service does not trust."
        }
        "invalid_origin" => "This site is not set up for sign-in here.",
        "bad_request" => {
            "The link that you followed is incomplete or wrong. Go back to the previous page and try again."
        }
        "too_many_requests" => {
            "Too many sign-ins came from your network. Wait a moment, then reload this page."
        }
        "provider_not_found" => {
            "The link that you followed names a sign-in provider that does not exist here."
        }
        _ => "Try again.",
    }
}
