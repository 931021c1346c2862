//! `DEV_SIGN_IN=yes`: a page that signs in whoever one says one is. It stands where a provider's page would.

use serde_json::{Map, Value, json};
use space_kit::header::CONTENT_TYPE;
use space_kit::respond::to_json;
use space_kit::{Call, Error, HandlerResult, Refusal, Reply, StatusCode};

use super::pages::Page;
use super::redirect;
use super::request::{self, bad_request, refusal};
use crate::State;
use crate::cross_site;
use crate::html::escape;
use crate::query::{self, Params};
use crate::seal::SALT;
use crate::state::internal;
use crate::user::User;

const TITLE: &str = "Sign in (local development)";

/// The page.
pub(crate) fn page(call: &Call<State>) -> HandlerResult {
    let state = &call.state;
    needs_dev(state)?;
    let params = request::params(call.head.uri.query().unwrap_or_default())?;
    if params.filled("state").is_none() {
        let body = "<h1>This page is a step of a sign-in</h1>\n<p>It has to begin elsewhere, such as at \
                    <a href=\"/\">the sign-in page</a>.</p>";
        let (status, body) = (StatusCode::BAD_REQUEST, body.to_owned());
        return Page { status, title: TITLE, body, script: "", forms: "'none'" }.answer(state);
    }
    let field = |name: &str| escape(params.get(name).unwrap_or_default());
    let body = format!(
        "<h1>Sign in as anybody</h1>\n\
         <p class=\"warning\" role=\"note\"><strong>Local development.</strong> This page asks for no password, and \
         whoever it signs in is made up. It is there because DEV_SIGN_IN is yes.</p>\n\
         <form method=\"post\" action=\"/dev/sign-in\">\n\
         <input type=\"hidden\" name=\"state\" value=\"{}\">\n<input type=\"hidden\" name=\"way\" value=\"{}\">\n\
         <label>User name <input name=\"username\" value=\"dev-user\" required maxlength=\"40\" \
         pattern=\"[A-Za-z0-9_\\-]+\" autocomplete=\"off\" autofocus></label>\n\
         <label>Name <input name=\"name\" value=\"Dev User\" maxlength=\"80\" autocomplete=\"off\"></label>\n\
         <button>Sign in</button> <button name=\"refuse\" value=\"yes\" formnovalidate>Refuse</button>\n</form>",
        field("state"),
        field("way")
    );
    // Browsers hold the form to this along all redirects that follow it.
    let forms = format!("'self' {}", state.trusted.sites().join(" "));
    Page { status: StatusCode::OK, title: TITLE, body, script: "", forms: &forms }.answer(state)
}

/// The page's form. It goes to the callback with a code, or with a refusal.
pub(crate) fn submit(call: Call<State>) -> Reply {
    Reply::later(async move {
        let Call { head, body, running, .. } = call;
        let state = &running.state;
        needs_dev(state)?;
        cross_site::from(request::source(&head.headers), &state.trusted).map_err(refusal)?;
        let form = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !form.starts_with("application/x-www-form-urlencoded") {
            return Err(bad_request("this takes the form of the page at this address"));
        }
        let bytes = body.bytes().await?;
        let form = request::params(&String::from_utf8_lossy(&bytes))?;
        let login = form.filled("state").ok_or_else(|| bad_request("the form has no state"))?;
        let answer = match form.get("refuse") {
            Some(_) => ("error", "access_denied".to_owned()),
            None => ("code", code(state, &form, login)?),
        };
        let path = if form.get("way") == Some("oauth2") { "oauth2/callback" } else { "callback" };
        let name = state.providers.first().map_or("", |provider| provider.name.as_str());
        let back =
            query::append(&format!("/api/auth/{path}/{name}"), &[(answer.0, &answer.1), ("state", login)]);
        let mut response = redirect(&back, [])?;
        *response.status_mut() = StatusCode::SEE_OTHER;
        Ok(response)
    })
}

/// A code that holds the user of the form, sealed for the sign-in of this state.
fn code(state: &State, form: &Params, login: &str) -> Result<String, Error> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let username = form.filled("username").filter(|name| name.len() <= 40 && name.bytes().all(plain));
    let username =
        username.ok_or_else(|| bad_request("a user name has up to 40 letters, digits, - and _"))?;
    let text = to_json(&json!([login, username, form.get("name").unwrap_or_default()]));
    let code = state.keys.dev_user.seal(text.as_bytes(), state.random::<SALT>()?);
    code.ok_or_else(|| internal("a made-up user cannot be sealed"))
}

/// The user whom a code holds, if it was made for the sign-in of this state.
pub(super) fn user(state: &State, code: &str, login: &str) -> Option<User> {
    let text = state.keys.dev_user.open(code)?.plain;
    let value: Value = serde_json::from_slice(&text).ok()?;
    let [made_for, username, name] = value.as_array()?.as_slice() else { return None };
    let claims = json!({
        "sub": format!("dev-{}", username.as_str()?), "preferred_username": username, "name": name,
    });
    let empty = Map::new();
    (made_for == login).then(|| User::from_claims(claims.as_object().unwrap_or(&empty), str::to_owned))?
}

/// Without `DEV_SIGN_IN` there is no such page.
fn needs_dev(state: &State) -> Result<(), Error> {
    if state.dev { Ok(()) } else { Err(Refusal::NotFound.into()) }
}
