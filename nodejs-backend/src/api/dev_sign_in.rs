//! The sign-in page of local development (`DEV_SIGN_IN=yes`), which takes the place of a provider's page and signs in any
//! made-up user.

use serde_json::{Map, Value, json};
use space_kit::header::CONTENT_TYPE;
use space_kit::respond::to_json;
use space_kit::{Call, Error, HandlerResult, Reply, RequestError, StatusCode};

use super::page::Page;
use super::request::{self, bad_request, cross_site_error};
use crate::State;
use crate::error::internal;
use crate::flow::CallbackPath;
use crate::oidc::Provider;
use crate::session::user::User;
use crate::web::cross_site::{self, Source};
use crate::web::html::escape;
use crate::web::query::{self, Params};
use crate::web::response::redirect;
use space_kit::seal::SALT;

const TITLE: &str = "Sign in (local development)";

/// The page with its form.
pub(crate) fn page(call: &Call<State>) -> HandlerResult {
    let state = &call.state;
    require_dev(state)?;
    let params = request::params(call.head.uri.query().unwrap_or_default())?;
    if params.non_empty("state").is_none() {
        let body = "<h1>This page is a step of a sign-in</h1>\n<p>Start the sign-in somewhere else, for example on \
                    <a href=\"/\">the sign-in page</a>.</p>";
        let (status, body) = (StatusCode::BAD_REQUEST, body.to_owned());
        return Page { status, title: TITLE, body, script: "", forms: "'none'" }.respond(state);
    }
    let field = |name: &str| escape(params.get(name).unwrap_or_default());
    let body = format!(
        "<h1>Sign in as a made-up user</h1>\n\
         <p class=\"warning\" role=\"note\"><strong>Local development.</strong> This page asks for no password and \
         signs in made-up users. It exists because DEV_SIGN_IN is on.</p>\n\
         <form method=\"post\" action=\"/dev/sign-in\">\n\
         <input type=\"hidden\" name=\"state\" value=\"{}\">\n<input type=\"hidden\" name=\"callback_path\" value=\"{}\">\n\
         <p class=\"row\"><label>User name <input name=\"username\" value=\"dev-user\" required maxlength=\"40\" \
         pattern=\"[A-Za-z0-9_\\-]+\" title=\"letters, digits, - and _\" autocomplete=\"off\" autofocus></label>\n\
         <label>Name <input name=\"name\" value=\"Dev User\" maxlength=\"80\" autocomplete=\"off\"></label></p>\n\
         <button class=\"primary\">Sign in</button> <button name=\"deny\" value=\"yes\" formnovalidate>Deny</button>\n</form>",
        field("state"),
        field("callback_path")
    );
    // Browsers apply form-action to every redirect that follows the form.
    let forms = format!("'self' {}", state.trusted.sites().join(" "));
    Page { status: StatusCode::OK, title: TITLE, body, script: "", forms: &forms }.respond(state)
}

/// Handles the form: redirects to the callback with a code, or with an error if the visitor denied the sign-in.
pub(crate) fn submit(call: Call<State>) -> Reply {
    Reply::later(async move {
        let Call { head, body, running, .. } = call;
        let state = &running.state;
        require_dev(state)?;
        let source = Source::of_request(&head.headers);
        cross_site::check_origin(source, &state.trusted).map_err(cross_site_error)?;
        let form = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !form.starts_with("application/x-www-form-urlencoded") {
            return Err(bad_request("the body must be the form of the page at this address"));
        }
        let bytes = body.bytes().await?;
        let form = request::params(&String::from_utf8_lossy(&bytes))?;
        let flow_state = form.non_empty("state").ok_or_else(|| bad_request("the form has no state"))?;
        let outcome = match form.get("deny") {
            Some(_) => ("error", "access_denied".to_owned()),
            None => ("code", code(state, &form, flow_state)?),
        };
        let path = match form.get("callback_path") {
            Some(path) if path == CallbackPath::OAuth2.as_str() => CallbackPath::OAuth2,
            _ => CallbackPath::Social,
        };
        let name = state.providers.first().map_or("", Provider::name);
        let callback = format!("/api/auth/{}/{name}", path.as_str());
        let callback = query::append(&callback, &[(outcome.0, &outcome.1), ("state", flow_state)]);
        let mut response = redirect(&callback, [])?;
        *response.status_mut() = StatusCode::SEE_OTHER;
        Ok(response)
    })
}

/// A code: the user of the form, sealed together with the state of the flow.
fn code(state: &State, form: &Params, flow_state: &str) -> Result<String, Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let username = form.non_empty("username").filter(|name| name.len() <= 40 && name.bytes().all(plain));
    let username = username
        .ok_or_else(|| bad_request("a user name has 1 to 40 characters: letters, digits, - and _"))?;
    let text = to_json(&json!([flow_state, username, form.get("name").unwrap_or_default()]));
    let code = state.keys.dev_user.seal(text.as_bytes(), state.random::<SALT>()?);
    code.ok_or_else(|| internal("the made-up user cannot be sealed"))
}

/// The user of a code. `None` if the code was not made for the flow with this state.
pub(super) fn user(state: &State, code: &str, flow_state: &str) -> Option<User> {
    let text = state.keys.dev_user.open(code)?.plain;
    let value: Value = serde_json::from_slice(&text).ok()?;
    let [made_for, username, name] = value.as_array()?.as_slice() else { return None };
    let claims = json!({
        "sub": format!("dev-{}", username.as_str()?), "preferred_username": username, "name": name,
    });
    let empty = Map::new();
    (made_for == flow_state)
        .then(|| User::from_claims(claims.as_object().unwrap_or(&empty), str::to_owned))?
}

/// Rejects the request unless `DEV_SIGN_IN` is on.
fn require_dev(state: &State) -> Result<(), Error> {
    if state.dev { Ok(()) } else { Err(RequestError::NotFound.into()) }
}
