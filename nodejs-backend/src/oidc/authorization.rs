//! The authentication request (OpenID Connect Core section 3.1.2.1).

use super::settings::{ProviderSettings, is_scope};
use crate::flow::Flow;
use crate::web::query;

/// Optional parameters of a sign-in.
#[derive(Debug, Default)]
pub(crate) struct SignInOptions {
    /// Scopes in addition to the configured ones. Invalid scopes are ignored.
    pub(crate) scopes: Vec<String>,
    /// The user that the provider should propose.
    pub(crate) login_hint: Option<String>,
    /// Further parameters that pass [`is_additional`].
    pub(crate) additional: Vec<(String, String)>,
}

/// Whether a page may add this parameter to the authentication request: none that the sign-in itself decides on.
pub(crate) fn is_additional(name: &str, value: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let own = [
        "response_type",
        "response_mode",
        "client_id",
        "client_secret",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "request",
        "request_uri",
        "registration",
    ];
    name.len() <= 64
        && value.len() <= 512
        && !name.is_empty()
        && name.bytes().all(plain)
        && !own.contains(&name)
}

/// The address of the authentication request.
pub(super) fn url(
    endpoint: &str,
    settings: &ProviderSettings,
    flow: &Flow,
    redirect_uri: &str,
    options: &SignInOptions,
) -> String {
    let mut scopes: Vec<&str> = settings.scopes.split(' ').collect();
    for scope in options.scopes.iter().take(32).filter(|scope| is_scope(scope)) {
        if !scopes.contains(&scope.as_str()) {
            scopes.push(scope);
        }
    }
    let (scope, challenge) = (scopes.join(" "), flow.challenge());
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", &settings.client_id),
        ("redirect_uri", redirect_uri),
        ("scope", &scope),
        ("state", &flow.state),
        ("nonce", &flow.nonce),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    if let Some(hint) = options.login_hint.as_deref().filter(|hint| hint.len() <= 256) {
        pairs.push(("login_hint", hint));
    }
    pairs.extend(options.additional.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    query::append(endpoint, &pairs)
}
