//! A sign-in in a window of its own: `GET /api/auth/oauth-popup/start`, and the page at its end, which hands a
//! token to the window that opened it. It works where browsers keep third-party cookies away.

use serde_json::{Value, json};
use space_kit::respond::to_json;
use space_kit::{Call, Error, HandlerResult, Reply, StatusCode};

use super::pages::Page;
use super::start::{Begun, begin, destination};
use super::{redirect, request, visit, with_cookies};
use crate::State;
use crate::flow::{Popup, Start, Way};
use crate::html::escape;
use crate::oidc::Wishes;
use crate::origin;

/// The type of the message, which the Better Auth client waits for.
const MESSAGE: &str = "better-auth:oauth-popup";
const MAX_NONCE: usize = 256;

/// Reads the message off the page and posts it to exactly the origin that the sign-in began with.
const SCRIPT: &str = "\
const { origin, message } = document.querySelector('[data-message]').dataset
const opener = window.opener
if (opener) {
  opener.postMessage(JSON.parse(message), origin)
  window.close()
}
";

pub(crate) fn start(call: Call<State>) -> Reply {
    visit::reply(call, answer)
}

async fn answer(call: Call<State>) -> HandlerResult {
    visit::needs_navigation(&call.head.headers)?;
    if let Some(answer) = visit::elsewhere(&call) {
        return answer;
    }
    let Call { head, running, client, id, .. } = call;
    let state = &running.state;
    let limited = request::limit(state, client);
    let params = request::params(head.uri.query().unwrap_or_default())?;
    let opener = params.filled("popupOrigin").and_then(origin::parse);
    let Some(opener) = opener.as_ref().filter(|origin| state.trusted.has(origin)) else {
        return Err(not_trusted(opener.as_deref()));
    };
    let nonce = params.filled("popupNonce").filter(|nonce| nonce.len() <= MAX_NONCE);
    let nonce =
        nonce.ok_or_else(|| request::bad_request("popupNonce is missing or longer than 256 bytes"))?;
    let popup = Popup { origin: opener.clone(), nonce: nonce.to_owned() };
    // From here on there is a window that waits for an answer.
    let begun = async {
        limited?;
        let address = |name: &str, code| destination(state, params.get(name), code);
        let callback_url = address("callbackURL", "invalid_callback_url")?;
        address("newUserCallbackURL", "invalid_new_user_callback_url")?;
        let start = Start {
            provider: params.get("provider").unwrap_or_default().to_owned(),
            way: Way::Callback,
            callback_url: callback_url.unwrap_or_else(|| state.trusted.base().to_owned()),
            error_url: address("errorCallbackURL", "invalid_error_callback_url")?,
            popup: Some(popup.clone()),
        };
        let scopes = params.get("scopes").unwrap_or_default();
        let scopes = scopes.split(',').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        begin(state, &head.headers, start, &Wishes { scopes, login_hint: None }).await
    };
    match begun.await {
        Ok(Begun { url, cookies }) => redirect(&url, cookies),
        Err(error) if error.status == StatusCode::INTERNAL_SERVER_ERROR => Err(error),
        Err(error) => {
            let cause = error.cause.as_deref().unwrap_or(&error.message);
            super::callback::note(&running, &id, error.code, cause);
            complete(state, &popup, Err((error.code, &error.message)), "", [])
        }
    }
}

/// The refusal of a window that another site opened, or that does not say who opened it.
fn not_trusted(origin: Option<&str>) -> Error {
    let message = match origin {
        Some(origin) => format!("{origin} is not listed here. Operator: add {origin} to TRUSTED_ORIGINS"),
        None => "popupOrigin is missing or is no origin such as https://site.example".to_owned(),
    };
    Error::new(StatusCode::FORBIDDEN, "invalid_origin", message)
}

/// The page that hands over a token, or a code and a description of what went wrong.
pub(super) fn complete(
    state: &State,
    popup: &Popup,
    outcome: Result<&str, (&str, &str)>,
    redirect_to: &str,
    cookies: impl IntoIterator<Item = String>,
) -> HandlerResult {
    let mut message = json!({"type": MESSAGE, "nonce": popup.nonce});
    let add = |message: &mut Value, name: &str, value: Value| {
        _ = message.as_object_mut().map(|message| message.insert(name.to_owned(), value));
    };
    let words = match outcome {
        Ok(token) => {
            add(&mut message, "token", token.into());
            add(&mut message, "redirectTo", redirect_to.into());
            "You are signed in. You can close this window."
        }
        Err((code, description)) => {
            add(&mut message, "error", json!({"code": code, "description": description}));
            "The sign-in did not work. Close this window and begin it again."
        }
    };
    let body = format!(
        "<p data-origin=\"{}\" data-message=\"{}\">{words}</p>",
        escape(&popup.origin),
        escape(&to_json(&message))
    );
    let page = Page { status: StatusCode::OK, title: "Signing in", body, script: SCRIPT, forms: "'none'" };
    with_cookies(page.answer(state)?, cookies)
}
