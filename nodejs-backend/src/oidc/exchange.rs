//! The code for tokens (OpenID Connect Core section 3.1.3; RFC 6749 section 4.1.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use space_kit::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue};
use space_kit::{Method, StatusCode};

use super::{Client, Failure, Metadata, request, unavailable, untrusted};
use crate::config::providers::{ClientAuth, Settings};
use crate::query;

/// What the token endpoint gave. It goes no further than the sign-in.
pub(super) struct Tokens {
    pub(super) id_token: String,
    pub(super) access_token: String,
}

pub(super) async fn exchange(
    client: &Client,
    metadata: &Metadata,
    code: &str,
    verifier: &str,
    redirect_uri: &str,
) -> Result<Tokens, Failure> {
    let settings = &client.settings;
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("code_verifier", verifier),
    ];
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    // A code that comes twice is a stolen one to the provider (RFC 6749 section 4.1.2): it goes out once.
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    match (&settings.client_secret, settings.auth) {
        (Some(secret), ClientAuth::Basic) => _ = headers.insert(AUTHORIZATION, basic(settings, secret)?),
        (Some(secret), ClientAuth::Post) => {
            form.extend([("client_id", settings.client_id.as_str()), ("client_secret", secret.as_str())]);
        }
        (None, _) => form.push(("client_id", &settings.client_id)),
    }
    let body = query::encode(&form);
    let sent = request::send(&client.pool, Method::POST, &metadata.token_endpoint, headers, body).await;
    match sent.map_err(unavailable)? {
        (StatusCode::OK, Some(answer)) => tokens(&answer),
        (StatusCode::OK, None) => Err(unavailable("the token endpoint answered no JSON object")),
        (status, answer) if status.is_client_error() => {
            let error = answer.as_ref().and_then(|answer| answer.get("error")).and_then(Value::as_str);
            let error: String = error.unwrap_or("without a reason").chars().take(64).collect();
            Err(Failure {
                code: "invalid_code",
                cause: format!("the token endpoint answered {status}: {error}"),
            })
        }
        (status, _) => Err(unavailable(format!("the token endpoint answered {status}"))),
    }
}

fn tokens(answer: &Map<String, Value>) -> Result<Tokens, Failure> {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err(untrusted("the token_type is not Bearer"));
    }
    Ok(Tokens {
        id_token: text("id_token").ok_or_else(|| untrusted("there is no id_token"))?,
        access_token: text("access_token").ok_or_else(|| untrusted("there is no access_token"))?,
    })
}

/// RFC 6749 section 2.3.1: both parts are form-encoded first.
fn basic(settings: &Settings, secret: &str) -> Result<HeaderValue, Failure> {
    let encoded = |text: &str| query::encode(&[("", text)]).trim_start_matches('=').to_owned();
    let pair = STANDARD.encode(format!("{}:{}", encoded(&settings.client_id), encoded(secret)));
    let mut value = HeaderValue::try_from(format!("Basic {pair}")).map_err(unavailable)?;
    value.set_sensitive(true);
    Ok(value)
}
