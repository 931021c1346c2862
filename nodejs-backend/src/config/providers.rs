//! The providers' settings: one by the names that a Space sets, further ones by names of their own.

use space_kit::outgoing::Url;
use space_kit::{Env, Var};

use super::vars;

/// How the client's secret is sent to the token endpoint (OpenID Connect Core section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
}

/// What is configured for one provider.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) name: String,
    /// The one of the names that a Space sets. Its subjects are user ids as they are.
    pub(crate) main: bool,
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
    pub(crate) auth: ClientAuth,
    pub(crate) scopes: String,
}

/// The rows that one provider's settings are read by.
struct Rows {
    issuer: &'static Var,
    client_id: &'static Var,
    client_secret: &'static Var,
    scopes: &'static Var,
    auth: &'static Var,
}

static MAIN: Rows = Rows {
    issuer: &vars::OPENID_PROVIDER_URL,
    client_id: &vars::OAUTH_CLIENT_ID,
    client_secret: &vars::OAUTH_CLIENT_SECRET,
    scopes: &vars::OAUTH_SCOPES,
    auth: &vars::OAUTH_CLIENT_AUTH,
};

/// All providers, the main one first. `None` means that `env` has the problems.
pub(crate) fn read(env: &mut Env<'_>) -> Option<Vec<Settings>> {
    let name = env.read(&vars::OAUTH_PROVIDER_NAME, parse_name);
    let others = env.read(&vars::PROVIDERS, parse_names);
    let mut all = Vec::new(); // every problem is found before any ends it
    if env.is_set(vars::OAUTH_CLIENT_ID.name) {
        all.push(one(env, name.as_deref().unwrap_or_default(), &MAIN, true));
    }
    let names = others.as_deref().unwrap_or_default();
    if names.iter().any(|other| Some(other) == name.as_ref()) {
        let message = "has the name of the provider that OAUTH_PROVIDER_NAME names";
        env.problem(&vars::PROVIDERS, message.to_owned());
        all.push(None);
    }
    all.extend(names.iter().map(|name| one(env, name, &rows(name), false)));
    name?;
    others?;
    all.into_iter().collect()
}

fn one(env: &mut Env<'_>, name: &str, rows: &Rows, main: bool) -> Option<Settings> {
    let mut needed = |var: &'static Var, parse: fn(&str) -> Option<String>| {
        if main || env.is_set(var.name) {
            return env.read(var, parse);
        }
        env.problem(var, format!("is needed, because PROVIDERS has {name}; accepted: {}", var.accepts));
        None
    };
    let issuer = needed(rows.issuer, parse_issuer);
    let client_id = needed(rows.client_id, visible);
    let client_secret = env.optional(rows.client_secret, visible);
    let scopes = env.read(rows.scopes, parse_scopes);
    let auth = env.read(rows.auth, parse_auth);
    Some(Settings {
        name: name.to_owned(),
        main,
        issuer: issuer?,
        client_id: client_id?,
        client_secret: client_secret?,
        scopes: scopes?,
        auth: auth?,
    })
}

/// The rows of a further provider. They live as long as the process, like those that are written down.
fn rows(name: &str) -> Rows {
    let prefix = name.to_ascii_uppercase().replace('-', "_");
    let row = |suffix: &str, like: &Var, default: &'static str| -> &'static Var {
        let name = Box::leak(format!("{prefix}_{suffix}").into_boxed_str());
        Box::leak(Box::new(Var {
            name,
            default,
            accepts: like.accepts,
            meaning: like.meaning,
            secret: like.secret,
        }))
    };
    Rows {
        issuer: row("PROVIDER_URL", MAIN.issuer, ""),
        client_id: row("CLIENT_ID", MAIN.client_id, ""),
        client_secret: row("CLIENT_SECRET", MAIN.client_secret, ""),
        scopes: row("SCOPES", MAIN.scopes, MAIN.scopes.default),
        auth: row("CLIENT_AUTH", MAIN.auth, MAIN.auth.default),
    }
}

fn parse_name(text: &str) -> Option<String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    ((1..=32).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
}

fn parse_names(text: &str) -> Option<Vec<String>> {
    if text == "none" {
        return Some(Vec::new());
    }
    let names: Vec<String> = text.split(',').map(|name| parse_name(name.trim())).collect::<Option<_>>()?;
    let repeated =
        names.iter().enumerate().any(|(at, name)| names.iter().skip(at + 1).any(|other| other == name));
    // Their variables are those of the main provider.
    let taken = names.iter().any(|name| name == "oauth" || name == "openid");
    (!repeated && !taken).then_some(names)
}

fn parse_issuer(text: &str) -> Option<String> {
    let url = Url::parse(text)?;
    (url.is_secure() && !text.contains('?')).then(|| text.to_owned())
}

fn parse_scopes(text: &str) -> Option<String> {
    let scopes: Vec<&str> = text.split(' ').filter(|scope| !scope.is_empty()).collect();
    (scopes.contains(&"openid") && scopes.iter().all(|scope| is_scope(scope))).then(|| scopes.join(" "))
}

/// A scope token (RFC 6749 section 3.3).
pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

fn parse_auth(text: &str) -> Option<ClientAuth> {
    match text {
        "basic" => Some(ClientAuth::Basic),
        "post" => Some(ClientAuth::Post),
        _ => None,
    }
}

fn visible(text: &str) -> Option<String> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())).then(|| text.to_owned())
}
