//! A sign-in in a popup: `GET /api/auth/oauth-popup/start`, whose page posts a token to the page that opened the popup,
//! and the page at the end of the sign-in, which gives it the token. It works even if the browser blocks third-party
//! cookies, or cuts the provider's window off from its opener.

use serde_json::{Value, json};
use space_kit::respond::to_json;
use space_kit::web::Origin;
use space_kit::{Call, Error, HandlerResult, Reply, StatusCode};

use super::page::Page;
use super::request::{self, now};
use super::start_flow::{StartedFlow, destination, start_flow};
use super::{error_page, failure};
use crate::State;
use crate::flow::{self, CallbackPath, Flow, FlowRequest, Opener};
use crate::oidc::SignInOptions;
use crate::web::html::escape;
use crate::web::navigation::require_navigation;
use crate::web::response::{redirect, with_cookies};

/// The type of the message that the Better Auth client waits for.
const MESSAGE: &str = "better-auth:oauth-popup";
/// The type of the message that the first page sends at once: it can reach its opener.
const OPENED: &str = "nodejs-backend:popup-opened";
const FAILED: &str = "The sign-in failed. Close this window and try again.";
/// The longest `popupNonce`, in bytes.
const MAX_NONCE: usize = 256;

/// The first page of a popup. It stays open while a second window signs in, because the provider's pages may cut their
/// window off from its opener (`Cross-Origin-Opener-Policy`). It closes two seconds after its message, because the opener
/// closes it when it has the message, and a closed window could overtake the message.
const FIRST: &str = include_str!("popup_first.js");
/// The last page of the second window. It hands the message to the first page, which has the same origin.
const LAST: &str = include_str!("popup_last.js");

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
        let options = SignInOptions { scopes, ..SignInOptions::default() };
        start_flow(state, &head.headers, request, &options, now).await
    };
    match started.await {
        Ok(StartedFlow { url, channel, cookies }) => {
            let host = url.split('/').nth(2).unwrap_or_default();
            let text =
                format!("{} asks you to sign in. The sign-in opens in a second window.", opener.origin);
            let link = format!(
                "\n<p><a class=\"primary\" href=\"{}\" target=\"_blank\" rel=\"noreferrer\" autofocus>Continue to {}</a></p>",
                escape(&url),
                escape(host)
            );
            let description = "The sign-in took longer than ten minutes. Try again.";
            let data = json!({
                "origin": opener.origin,
                "channel": channel,
                "lifetime": flow::LIFETIME * 1000,
                "opened": {"type": OPENED, "nonce": opener.nonce},
                "expired": message(&opener, Err(("expired", description)), ""),
            });
            page(state, FIRST, &data, &text, &link, cookies)
        }
        Err(error) if error.status == StatusCode::INTERNAL_SERVER_ERROR => Err(error),
        Err(error) => {
            let cause = error.cause.as_deref().unwrap_or(&error.message);
            failure::log_failure(&running.kit.log, "sign-in failed", &id, error.code, cause);
            let message = message(&opener, Err((error.code, &error.message)), "");
            let data = json!({"origin": opener.origin, "message": message});
            page(state, FIRST, &data, FAILED, "", [])
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

/// The page at the end of a popup's sign-in: a token, or the code and description of an error.
///
/// # Errors
///
/// 500 if a header of the page is invalid.
pub(super) fn complete(
    state: &State,
    flow: &Flow,
    opener: &Opener,
    outcome: Result<&str, (&str, &str)>,
    redirect_to: &str,
    cookies: impl IntoIterator<Item = String>,
) -> HandlerResult {
    let text = if outcome.is_ok() { "You are signed in. You can close this window." } else { FAILED };
    let message = message(opener, outcome, redirect_to);
    let data = json!({"channel": flow::cookie_name(&flow.state), "message": message});
    page(state, LAST, &data, text, "", cookies)
}

/// The message to the opener, as Better Auth's client reads it.
fn message(opener: &Opener, outcome: Result<&str, (&str, &str)>, redirect_to: &str) -> Value {
    let nonce = &opener.nonce;
    match outcome {
        Ok(token) => json!({"type": MESSAGE, "nonce": nonce, "token": token, "redirectTo": redirect_to}),
        Err((code, description)) => {
            json!({"type": MESSAGE, "nonce": nonce, "error": {"code": code, "description": description}})
        }
    }
}

/// A page with a text, the data of its script, and more HTML.
fn page(
    state: &State,
    script: &'static str,
    data: &Value,
    text: &str,
    more: &str,
    cookies: impl IntoIterator<Item = String>,
) -> HandlerResult {
    let data = to_json(data);
    let body = format!(
        "<h1>Signing in</h1>\n<p role=\"status\" data-page=\"{}\">{}</p>{more}",
        escape(&data),
        escape(text)
    );
    let page = Page { status: StatusCode::OK, title: "Signing in", body, script, forms: "'none'" };
    with_cookies(page.respond(state)?, cookies)
}
