//! `GET /api/auth/error`: what a visitor sees when a sign-in fails and no page of the site's own is named.

use space_kit::{Call, Error, HandlerResult, Reply, StatusCode};

use super::pages::Page;
use super::{request, visit};
use crate::State;
use crate::html::escape;
use crate::query;

/// The path of the page for an error.
pub(super) fn address(code: &str) -> String {
    query::append("/api/auth/error", &[("error", code)])
}

pub(crate) fn get(call: Call<State>) -> Reply {
    visit::reply(call, async |call| {
        let params = request::params(call.head.uri.query().unwrap_or_default())?;
        // Anybody can write such an address: it chooses among our words, and adds none of its own.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        let code = params.filled("error").filter(|code| code.len() <= 64 && code.bytes().all(plain));
        page(StatusCode::OK, code.unwrap_or("unknown"), "", &call.state)
    })
}

/// The page of a refusal, in the place of its JSON.
pub(super) fn refusal(error: &Error, state: &State) -> HandlerResult {
    let reason = format!("<p>Reason: {}.</p>\n", escape(&error.message));
    let mut response = page(error.status, error.code, &reason, state)?;
    response.headers_mut().extend(error.headers.iter().cloned());
    Ok(response)
}

fn page(status: StatusCode, code: &str, reason: &str, state: &State) -> HandlerResult {
    let title = "The sign-in did not work";
    let body = format!(
        "<h1>{title}</h1>\n<p>{}</p>\n{reason}<p><small>Code: <code>{}</code></small></p>\n\
         <p><a href=\"/\">Back to the sign-in page</a></p>",
        advice(code),
        escape(code)
    );
    Page { status, title, body, script: "", forms: "'none'" }.answer(state)
}

/// What happened and what the visitor can do.
fn advice(code: &str) -> &'static str {
    match code {
        "access_denied" => "You did not allow this site to sign you in. Begin again if you change your mind.",
        "state_not_found" | "state_mismatch" => {
            "The sign-in took longer than ten minutes, was finished already, or began in another browser or \
             frame. Begin it again, best in a tab of its own, with cookies allowed."
        }
        "provider_unavailable" => "The sign-in provider is out of reach just now. Try again in a moment.",
        "no_code" | "invalid_code" => "The provider did not confirm the sign-in. Begin it again.",
        "issuer_mismatch" | "unable_to_get_user_info" => {
            "The provider's answer could not be trusted, so it was not used. If it happens again, tell the \
             operator of this site: the service's log has the reason."
        }
        "invalid_callback_url" | "invalid_error_callback_url" => {
            "The link that brought you here would have sent you on to a site that this service does not know."
        }
        "invalid_origin" => "This site is not set up for sign-in here.",
        "bad_request" => {
            "The link that brought you here is not complete or not right. Go back to where it was and begin again."
        }
        "too_many_requests" => {
            "Too many sign-ins came from your network just now. Wait a moment, then load this page again."
        }
        "provider_not_found" => "The link that brought you here names a sign-in provider that there is not.",
        _ => "Begin it again.",
    }
}
