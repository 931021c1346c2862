//! The token request: exchanges a code or a refresh token for tokens (OpenID Connect Core sections 3.1.3 and 12; RFC 6749
//! sections 4.1.3 and 6).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use space_kit::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use space_kit::outgoing::Pool;
use space_kit::{Method, StatusCode};

use super::error::{ProviderError, unavailable, untrusted};
use super::fetch;
use super::settings::{ClientAuth, ProviderSettings};
use crate::session::account::ProviderTokens;
use crate::web::query;

/// Exchanges a code for tokens. `now` is the Unix time.
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
    now: u64,
) -> Result<ProviderTokens, ProviderError> {
    let form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier),
    ];
    let document = request(pool, settings, endpoint, form).await?;
    tokens(&document, now, &settings.scopes)
}

/// Exchanges a refresh token for tokens. What the response lacks stays as it is. `now` is the Unix time.
///
/// # Errors
///
/// See [`exchange`].
pub(super) async fn refresh(
    pool: &Pool,
    settings: &ProviderSettings,
    endpoint: &str,
    old: &ProviderTokens,
    now: u64,
) -> Result<ProviderTokens, ProviderError> {
    let token = old.refresh_token.as_deref().unwrap_or_default();
    let form = vec![("grant_type", "refresh_token"), ("refresh_token", token)];
    let new = tokens(&request(pool, settings, endpoint, form).await?, now, &old.scopes)?;
    let refresh_token = new.refresh_token.or_else(|| old.refresh_token.clone());
    Ok(ProviderTokens { refresh_token, id_token: old.id_token.clone(), ..new })
}

async fn request<'a>(
    pool: &Pool,
    settings: &'a ProviderSettings,
    endpoint: &str,
    mut form: Vec<(&'a str, &'a str)>,
) -> Result<Map<String, Value>, ProviderError> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    // A provider treats a repeated code or refresh token as stolen (RFC 6749 section 4.1.2, RFC 9700 section 4.14), so the request must not be retried on another
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
        (StatusCode::OK, Some(document)) => Ok(document),
        (StatusCode::OK, None) => Err(unavailable("the token response is not a JSON object")),
        (status, document) if status.is_client_error() => {
            let error = document.as_ref().and_then(|document| document.get("error")).and_then(Value::as_str);
            let error: String = error.unwrap_or("no reason given").chars().take(64).collect();
            Err(ProviderError::CodeRejected(format!("the token endpoint returned {status}: {error}")))
        }
        (status, _) => Err(unavailable(format!("the token endpoint returned {status}"))),
    }
}

fn tokens(document: &Map<String, Value>, now: u64, scopes: &str) -> Result<ProviderTokens, ProviderError> {
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(untrusted("the token_type of the token response is not Bearer"));
    }
    Ok(ProviderTokens {
        access_token: text("access_token")
            .ok_or_else(|| untrusted("the token response has no access_token"))?,
        expires: document.get("expires_in").and_then(seconds).map(|lifetime| now.saturating_add(lifetime)),
        // Without scope, the provider granted what was asked for (RFC 6749 section 5.1).
        scopes: text("scope").unwrap_or_else(|| scopes.to_owned()),
        refresh_token: text("refresh_token"),
        id_token: text("id_token"),
    })
}

/// A lifetime in seconds, which some providers send as text.
fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The header of `client_secret_basic`. Both parts are form-encoded first (RFC 6749 section 2.3.1).
fn basic(settings: &ProviderSettings, secret: &str) -> Result<HeaderValue, ProviderError> {
    let encoded = |text: &str| query::encode(&[("", text)]).trim_start_matches('=').to_owned();
    let pair = STANDARD.encode(format!("{}:{}", encoded(&settings.client_id), encoded(secret)));
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).map_err(unavailable)?;
    value.set_sensitive(true);
    Ok(value)
}
