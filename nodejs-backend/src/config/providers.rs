//! The settings of the providers: the main provider has the variables that a Space sets, each additional provider has
//! variables with its name as prefix.

use space_kit::outgoing::Url;
use space_kit::web::Origin;
use space_kit::{Env, Var};

use super::vars;
use crate::oidc::settings::{ClientAuth, DOCUMENT, ProviderSettings, is_scope};

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

/// When a document can replace a registered application.
pub(super) const FETCHED: &str =
    "if it can fetch the service's document: not from this machine or from a Space, which may be private";

/// The document that describes this service to a provider.
struct Document {
    address: String,
    /// Whether a provider can fetch it.
    public: bool,
}

/// The settings of all providers, the main one first. Without any, Hugging Face is the main one if it can fetch the
/// document of this service at `base`. `None` if a variable is invalid; `env` then has the problems.
pub(super) fn read(
    env: &mut Env<'_>,
    base: Option<&Origin>,
    on_space: bool,
    dev: bool,
) -> Option<Vec<ProviderSettings>> {
    let name = env.read(&vars::OAUTH_PROVIDER_NAME, parse_name);
    let others = env.read(&vars::PROVIDERS, parse_names);
    let document = base.map(|base| Document {
        address: format!("{base}{DOCUMENT}"),
        public: base.tls && !base.is_loopback() && !on_space,
    });
    let names = others.as_deref().unwrap_or_default();
    let mut all = Vec::new(); // collected first, so that all problems are reported together
    let registered = env.is_set(vars::OAUTH_CLIENT_ID.name);
    let described = !registered
        && !dev
        && names.is_empty()
        && document.as_ref().is_some_and(|document| document.public)
        && !env.is_set(vars::OAUTH_CLIENT_SECRET.name)
        && env.read(MAIN.issuer, |text| Some(text == MAIN.issuer.default)) == Some(true);
    if registered || described {
        all.push(one(env, name.as_deref().unwrap_or_default(), &MAIN, true, document.as_ref()));
    }
    if names.iter().any(|other| Some(other) == name.as_ref()) {
        let message = "contains the name of the main provider (OAUTH_PROVIDER_NAME)";
        env.problem(&vars::PROVIDERS, message.to_owned());
        all.push(None);
    }
    all.extend(names.iter().map(|name| one(env, name, &rows(name), false, document.as_ref())));
    name?;
    others?;
    all.into_iter().collect()
}

fn one(
    env: &mut Env<'_>,
    name: &str,
    rows: &Rows,
    main: bool,
    document: Option<&Document>,
) -> Option<ProviderSettings> {
    let registered = env.is_set(rows.client_id.name);
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
    let client_id = match document {
        Some(document) if main && !registered => Some(document.address.clone()),
        _ => required(rows.client_id, visible),
    };
    let client_secret = env.optional(rows.client_secret, visible);
    let own = document.filter(|document| client_id.as_ref() == Some(&document.address));
    if own.is_some_and(|own| !own.public || !main || !matches!(client_secret, Some(None))) {
        let message = format!(
            "is this service's document: only for the main provider, without a client secret, {FETCHED}"
        );
        env.problem(rows.client_id, message);
        return None;
    }
    if let Some(own) = own {
        env.explain(|| format!("the provider fetches {}", own.address));
    }
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
