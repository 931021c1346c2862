//! The authentication request (OpenID Connect Core section 3.1.2.1).

use super::Metadata;
use crate::config::providers::{Settings, is_scope};
use crate::flow::Flow;
use crate::query;

/// What a page asks for beside the sign-in itself.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// Scopes beside the configured ones. What is no scope is passed over.
    pub(crate) scopes: Vec<String>,
    /// Whom the provider should propose.
    pub(crate) login_hint: Option<String>,
}

pub(super) fn url(
    metadata: &Metadata,
    settings: &Settings,
    flow: &Flow,
    redirect_uri: &str,
    wishes: &Wishes,
) -> String {
    let mut scopes: Vec<&str> = settings.scopes.split(' ').collect();
    for scope in wishes.scopes.iter().take(32).filter(|scope| is_scope(scope)) {
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
    if let Some(hint) = wishes.login_hint.as_deref().filter(|hint| hint.len() <= 256) {
        pairs.push(("login_hint", hint));
    }
    query::append(&metadata.authorization_endpoint, &pairs)
}
