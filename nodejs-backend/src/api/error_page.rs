//! `GET /api/auth/error`: what a visitor sees when a sign-in fails and no page of the site's own is named.

use space_kit::{Answer, Call, StatusCode};

use super::pages::Page;
use super::request;
use crate::State;
use crate::html::escape;
use crate::query;

/// The path of the page for an error.
pub(super) fn address(code: &str, description: &str) -> String {
    let pairs = [("error", code), ("error_description", description)];
    let pairs = if description.is_empty() { &pairs[..1] } else { &pairs[..] };
    query::append("/api/auth/error", pairs)
}

pub(crate) fn get(call: &Call<State>) -> Answer {
    let params = request::params(call.head.uri.query().unwrap_or_default())?;
    let code = params.filled("error").unwrap_or("unknown");
    let mut body = format!("<h1>You are not signed in</h1>\n<p>{}</p>\n", advice(code));
    if let Some(description) = params.filled("error_description") {
        body.push_str(&format!("<p>The provider says: {}</p>\n", escape(description)));
    }
    body.push_str(&format!("<p><small>Code: <code>{}</code></small></p>\n", escape(code)));
    body.push_str("<p><a href=\"/\">Back to the sign-in page</a></p>");
    let page = Page { status: StatusCode::OK, title: "Not signed in", body, script: "", forms: "'none'" };
    page.answer(&call.app.state)
}

/// What happened and what the visitor can do.
fn advice(code: &str) -> &'static str {
    match code {
        "access_denied" => "You did not allow it. Sign in again if you change your mind.",
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
        "provider_not_found" => "The link that brought you here names a sign-in provider that there is not.",
        _ => "The sign-in did not work. Begin it again.",
    }
}
