//! A sign-in in a popup: `GET /api/auth/oauth-popup/start`, and the page at its end, which posts a token to the page
//! that opened the popup. It works even if the browser blocks third-party cookies.

use serde_json::{Value, json};
use space_kit::respond::to_json;
use space_kit::web::Origin;
use space_kit::{Call, Error, HandlerResult, Reply, StatusCode};

use super::page::Page;
use super::request::{self, now};
use super::start_flow::{StartedFlow, destination, start_flow};
use super::{error_page, failure};
use crate::State;
use crate::flow::{CallbackPath, FlowRequest, Opener};
use crate::oidc::SignInOptions;
use crate::web::html::escape;
use crate::web::navigation::require_navigation;
use crate::web::response::{redirect, with_cookies};

/// The type of the message that the Better Auth client waits for.
const MESSAGE: &str = "better-auth:oauth-popup";
/// The longest `popupNonce`, in bytes.
const MAX_NONCE: usize = 256;

/// Posts the message of the page to exactly the origin that started the sign-in.
const SCRIPT: &str = "\
const { origin, message } = document.querySelector('[data-message]').dataset
const opener = window.opener
if (opener) {
  opener.postMessage(JSON.parse(message), origin)
  window.close()
}
";

pub(crate) fn start(call: Call<State>) -> Reply {
    error_page::show_errors(call, start_popup)
}

async fn start_popup(call: Call<State>) -> HandlerResult {
    require_navigation(&call.head.headers)?;
    if let Some(address) = request::address_on_own_host(&call) {
        return redirect(&address, []);
    }
    let Call { head, running, client, id, .. } = call;
    let (state, now) = (&running.state, now());
    let limited = request::rate_limit(state, client, now.instant);
    let params = request::params(head.uri.query().unwrap_or_default())?;
    let origin = params.non_empty("popupOrigin").and_then(Origin::parse);
    let origin = origin.map(|origin| origin.to_string());
    let Some(origin) = origin.as_ref().filter(|origin| state.trusted.contains(origin)) else {
        return Err(untrusted_opener(origin.as_deref()));
    };
    let nonce = params.non_empty("popupNonce").filter(|nonce| nonce.len() <= MAX_NONCE);
    let nonce =
        nonce.ok_or_else(|| request::bad_request("popupNonce is missing or longer than 256 bytes"))?;
    let opener = Opener { origin: origin.clone(), nonce: nonce.to_owned() };
    // From here on a page waits for a message, so every error must reach it.
    let started = async {
        limited?;
        let address = |name: &str, code| destination(state, params.get(name), code);
        let callback_url = address("callbackURL", "invalid_callback_url")?;
        address("newUserCallbackURL", "invalid_new_user_callback_url")?;
        let request = FlowRequest {
            provider: params.get("provider").unwrap_or_default().to_owned(),
            callback_path: CallbackPath::Social,
            callback_url: callback_url.unwrap_or_else(|| state.trusted.base().to_owned()),
            error_url: address("errorCallbackURL", "invalid_error_callback_url")?,
            opener: Some(opener.clone()),
        };
        let scopes = params.get("scopes").unwrap_or_default();
        let scopes = scopes.split(',').filter(|scope| !scope.is_empty()).map(str::to_owned).collect();
        let options = SignInOptions { scopes, login_hint: None };
        start_flow(state, &head.headers, request, &options, now).await
    };
    match started.await {
        Ok(StartedFlow { url, cookies }) => redirect(&url, cookies),
        Err(error) if error.status == StatusCode::INTERNAL_SERVER_ERROR => Err(error),
        Err(error) => {
            let cause = error.cause.as_deref().unwrap_or(&error.message);
            failure::log_failure(&running.kit.log, &id, error.code, cause);
            complete(state, &opener, Err((error.code, &error.message)), "", [])
        }
    }
}

/// 403 for a popup whose opener is missing or not trusted.
fn untrusted_opener(origin: Option<&str>) -> Error {
    let message = match origin {
        Some(origin) => format!("{origin} is not a trusted site. Operator: add {origin} to TRUSTED_ORIGINS"),
        None => "popupOrigin is missing or is not an origin such as https://site.example".to_owned(),
    };
    Error::new(StatusCode::FORBIDDEN, "invalid_origin", message)
}

/// The page that posts a token, or the code and description of an error, to the opener.
///
/// # Errors
///
/// 500 if a header of the page is invalid.
pub(super) fn complete(
    state: &State,
    opener: &Opener,
    outcome: Result<&str, (&str, &str)>,
    redirect_to: &str,
    cookies: impl IntoIterator<Item = String>,
) -> HandlerResult {
    let mut message = json!({"type": MESSAGE, "nonce": opener.nonce});
    let add = |message: &mut Value, name: &str, value: Value| {
        _ = message.as_object_mut().map(|message| message.insert(name.to_owned(), value));
    };
    let text = match outcome {
        Ok(token) => {
            add(&mut message, "token", token.into());
            add(&mut message, "redirectTo", redirect_to.into());
            "You are signed in. You can close this window."
        }
        Err((code, description)) => {
            add(&mut message, "error", json!({"code": code, "description": description}));
            "The sign-in failed. Close this window and try again."
        }
    };
    let body = format!(
        "<p data-origin=\"{}\" data-message=\"{}\">{text}</p>",
        escape(&opener.origin),
        escape(&to_json(&message))
    );
    let page = Page { status: StatusCode::OK, title: "Signing in", body, script: SCRIPT, forms: "'none'" };
    with_cookies(page.respond(state)?, cookies)
}
