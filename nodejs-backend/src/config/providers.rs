//! The settings of the providers: the main provider has the variables that a Space sets, each additional provider has
//! variables with its name as prefix.

use space_kit::outgoing::Url;
use space_kit::{Env, Var};

use super::vars;
use crate::oidc::settings::{ClientAuth, ProviderSettings, is_scope};

/// The variables of one provider.
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

/// The settings of all providers, the main one first. `None` if a variable is invalid; `env` then has the problems.
pub(crate) fn read(env: &mut Env<'_>) -> Option<Vec<ProviderSettings>> {
    let name = env.read(&vars::OAUTH_PROVIDER_NAME, parse_name);
    let others = env.read(&vars::PROVIDERS, parse_names);
    let mut all = Vec::new(); // collected first, so that all problems are reported together
    if env.is_set(vars::OAUTH_CLIENT_ID.name) {
        all.push(one(env, name.as_deref().unwrap_or_default(), &MAIN, true));
    }
    let names = others.as_deref().unwrap_or_default();
    if names.iter().any(|other| Some(other) == name.as_ref()) {
        let message = "contains the name of the main provider (OAUTH_PROVIDER_NAME)";
        env.problem(&vars::PROVIDERS, message.to_owned());
        all.push(None);
    }
    all.extend(names.iter().map(|name| one(env, name, &rows(name), false)));
    name?;
    others?;
    all.into_iter().collect()
}

fn one(env: &mut Env<'_>, name: &str, rows: &Rows, main: bool) -> Option<ProviderSettings> {
    let mut required = |var: &'static Var, parse: fn(&str) -> Option<String>| {
        if main || env.is_set(var.name) {
            return env.read(var, parse);
        }
        env.problem(
            var,
            format!("is required, because PROVIDERS contains {name}; accepted: {}", var.accepts),
        );
        None
    };
    let issuer = required(rows.issuer, parse_issuer);
    let client_id = required(rows.client_id, visible);
    let client_secret = env.optional(rows.client_secret, visible);
    let scopes = env.read(rows.scopes, parse_scopes);
    let auth = env.read(rows.auth, parse_auth);
    Some(ProviderSettings {
        name: name.to_owned(),
        main,
        issuer: issuer?,
        client_id: client_id?,
        client_secret: client_secret?,
        scopes: scopes?,
        auth: auth?,
    })
}

/// The variables of an additional provider. They are leaked, because a [`Var`] is static.
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
    // Their variables would be those of the main provider.
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
