//! The token request: exchanges a code for tokens (OpenID Connect Core section 3.1.3; RFC 6749 section 4.1.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use space_kit::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use space_kit::outgoing::Pool;
use space_kit::{Method, StatusCode};

use super::error::{ProviderError, unavailable, untrusted};
use super::fetch;
use super::settings::{ClientAuth, ProviderSettings};
use crate::web::query;

/// The tokens of the token endpoint. They are dropped at the end of the sign-in.
pub(super) struct ProviderTokens {
    pub(super) id_token: String,
    pub(super) access_token: String,
}

/// Exchanges a code for tokens.
///
/// # Errors
///
/// `CodeRejected` if the provider rejects the request, `Untrusted` if a token is missing, else `Unavailable`.
pub(super) async fn exchange(
    pool: &Pool,
    settings: &ProviderSettings,
    endpoint: &str,
    code: &str,
    verifier: &str,
    redirect_uri: &str,
) -> Result<ProviderTokens, ProviderError> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier),
    ];
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    // A provider treats a repeated code as stolen (RFC 6749 section 4.1.2), so the request must not be retried on another
    // connection.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    match (&settings.client_secret, settings.auth) {
        (Some(secret), ClientAuth::Basic) => _ = headers.insert(AUTHORIZATION, basic(settings, secret)?),
        (Some(secret), ClientAuth::Post) => {
            form.extend([("client_id", settings.client_id.as_str()), ("client_secret", secret.as_str())]);
        }
        (None, _) => form.push(("client_id", &settings.client_id)),
    }
    let body = query::encode(&form);
    match fetch::send(pool, Method::POST, endpoint, headers, body).await? {
        (StatusCode::OK, Some(document)) => tokens(&document),
        (StatusCode::OK, None) => Err(unavailable("the token response is not a JSON object")),
        (status, document) if status.is_client_error() => {
            let error = document.as_ref().and_then(|document| document.get("error")).and_then(Value::as_str);
            let error: String = error.unwrap_or("no reason given").chars().take(64).collect();
            Err(ProviderError::CodeRejected(format!("the token endpoint returned {status}: {error}")))
        }
        (status, _) => Err(unavailable(format!("the token endpoint returned {status}"))),
    }
}

fn tokens(document: &Map<String, Value>) -> Result<ProviderTokens, ProviderError> {
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(untrusted("the token_type of the token response is not Bearer"));
    }
    Ok(ProviderTokens {
        id_token: text("id_token").ok_or_else(|| untrusted("the token response has no id_token"))?,
        access_token: text("access_token")
            .ok_or_else(|| untrusted("the token response has no access_token"))?,
    })
}

/// The header of `client_secret_basic`. Both parts are form-encoded first (RFC 6749 section 2.3.1).
fn basic(settings: &ProviderSettings, secret: &str) -> Result<HeaderValue, ProviderError> {
    let encoded = |text: &str| query::encode(&[("", text)]).trim_start_matches('=').to_owned();
    let pair = STANDARD.encode(format!("{}:{}", encoded(&settings.client_id), encoded(secret)));
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).map_err(unavailable)?;
    value.set_sensitive(true);
    Ok(value)
}
