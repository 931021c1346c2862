//! The settings of access: who may use the service, and how often.

use std::fmt;

use space_kit::jwks::Location;
use space_kit::jwt::Expected;
use space_kit::outgoing::Url;
use space_kit::rate_limit::Rate;
use space_kit::{Env, Var};

use super::vars::{
    ACCESS, API_KEYS, JWT_ALLOW, JWT_AUDIENCE, JWT_ISSUER, JWT_JWKS_URL, OAUTH_CLIENT_ID,
    OPENID_PROVIDER_URL, RATE_LIMIT,
};
use crate::access::{AccessRule, AllowList, ApiKeys, DEV, TokenRule};

/// The default of `RATE_LIMIT` when anyone may spend the operator's credits.
const OPEN_RATE: Rate = Rate::a_minute(20);

/// The settings of access.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AccessConfig {
    pub(super) rule: AccessRule,
    /// `None`: no limit.
    pub(super) rate: Option<Rate>,
}

impl AccessConfig {
    /// What the operator should know.
    pub(super) fn notice(&self) -> Option<&'static str> {
        match &self.rule {
            AccessRule::Allow { tokens: Some(tokens), .. } if tokens.expected.issuer.starts_with(DEV) => {
                Some(
                    "JWT_ISSUER is the issuer of DEV_SIGN_IN: anyone can sign in as any user. Use it for local \
                     development only.",
                )
            }
            _ => None,
        }
    }
}

/// Reads the variables; `None` means that `env` has the problems.
///
/// If there is an upstream token but no rule, no one may spend the token, on a Space or elsewhere. The
/// service listens on all addresses by default, so a forgotten rule would otherwise give the token away
/// anywhere.
pub(super) fn read(env: &mut Env<'_>, has_upstream_token: bool) -> Option<AccessConfig> {
    let modes = detailed(env, &ACCESS, Modes::parse);
    let keys = detailed(env, &API_KEYS, ApiKeys::parse);
    let jwt = JwtVars::read(env);
    let rate = env.optional(&RATE_LIMIT, |text| match text {
        "none" => Some(None),
        rate => Rate::parse(rate).map(Some),
    });
    let (Some(given), Some(keys), Some(jwt), Some(rate)) = (modes, keys, jwt, rate) else { return None };
    let modes = given.unwrap_or(Modes { keys: keys.is_some(), jwt: jwt.is_set(), ..Modes::default() });
    let unconfigured = modes == Modes::default();
    let unused = |name: &str| {
        format!("is set, but ACCESS does not include {name}: add {name} to ACCESS or unset this")
    };
    if modes.keys && keys.is_none() {
        env.problem(
            &API_KEYS,
            "is not set, but ACCESS includes keys: set it or remove keys from ACCESS".to_owned(),
        );
    }
    if !modes.keys && keys.is_some() {
        env.problem(&API_KEYS, unused("keys"));
    }
    let missing_keys = modes.keys != keys.is_some();
    let tokens = if modes.jwt {
        Some(jwt.rule(env)?)
    } else {
        let set: Vec<_> = jwt.set().collect();
        set.iter().for_each(|var| env.problem(var, unused("jwt")));
        if !set.is_empty() {
            return None;
        }
        None
    };
    if missing_keys {
        return None;
    }
    let to_all = modes.open || tokens.as_ref().is_some_and(|tokens| tokens.allow == AllowList::Everyone);
    let rate = rate.unwrap_or((to_all && has_upstream_token).then_some(OPEN_RATE));
    let rule = match unconfigured {
        true if has_upstream_token => AccessRule::NotConfigured,
        _ => AccessRule::Allow { open: modes.open || unconfigured, keys, tokens },
    };
    Some(AccessConfig { rule, rate })
}

/// `ACCESS`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Modes {
    open: bool,
    keys: bool,
    jwt: bool,
    hf_token: bool,
}

/// Why `ACCESS` cannot be used.
enum ModesError {
    /// An entry of this text is not a mode.
    Unknown { text: String },
    /// This mode is repeated.
    Duplicate { text: String, name: &'static str },
}

impl fmt::Display for ModesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ModesError::Unknown { text } => {
                write!(f, "{text:?} is not accepted; accepted: {}", ACCESS.accepts)
            }
            ModesError::Duplicate { text, name } => write!(f, "{text:?} has {name} twice"),
        }
    }
}

impl Modes {
    fn parse(text: &str) -> Result<Modes, ModesError> {
        let mut modes = Modes::default();
        for name in text.split(',').map(str::trim) {
            let (name, mode) = match name {
                "open" => ("open", &mut modes.open),
                "keys" => ("keys", &mut modes.keys),
                "jwt" => ("jwt", &mut modes.jwt),
                "hf_token" => ("hf_token", &mut modes.hf_token),
                _ => return Err(ModesError::Unknown { text: text.to_owned() }),
            };
            if std::mem::replace(mode, true) {
                return Err(ModesError::Duplicate { text: text.to_owned(), name });
            }
        }
        Ok(modes)
    }
}

/// The variables for tokens, as given.
struct JwtVars {
    issuer: Option<String>,
    audience: Option<String>,
    jwks_url: Option<String>,
    allow: Option<AllowList>,
    provider: Option<String>,
    client: Option<String>,
}

impl JwtVars {
    fn read(env: &mut Env<'_>) -> Option<JwtVars> {
        let on_space = env.is_set("SPACE_ID");
        let issuer = env.optional(&JWT_ISSUER, |text| address(text).or_else(|| dev_issuer(text, on_space)));
        let audience = env.optional(&JWT_AUDIENCE, audience);
        let jwks_url = env.optional(&JWT_JWKS_URL, address);
        let allow = detailed(env, &JWT_ALLOW, AllowList::parse);
        // The platform sets these two, so they are checked only if they are used.
        let provider = env.optional(&OPENID_PROVIDER_URL, |text| Some(text.to_owned()));
        let client = env.optional(&OAUTH_CLIENT_ID, |text| Some(text.to_owned()));
        match (issuer, audience, jwks_url, allow, provider, client) {
            (Some(issuer), Some(audience), Some(jwks_url), Some(allow), Some(provider), Some(client)) => {
                Some(JwtVars { issuer, audience, jwks_url, allow, provider, client })
            }
            _ => None,
        }
    }

    /// The operator's own variables that are set. The platform's two do not count, because a Space may set
    /// them for another reason.
    fn set(&self) -> impl Iterator<Item = &'static Var> {
        let all = [
            (&JWT_ISSUER, self.issuer.is_some()),
            (&JWT_AUDIENCE, self.audience.is_some()),
            (&JWT_JWKS_URL, self.jwks_url.is_some()),
            (&JWT_ALLOW, self.allow.is_some()),
        ];
        all.into_iter().filter(|(_, set)| *set).map(|(var, _)| var)
    }

    fn is_set(&self) -> bool {
        self.set().next().is_some()
    }

    fn rule(self, env: &mut Env<'_>) -> Option<TokenRule> {
        if self.allow.is_none() {
            let message =
                "is not set, and a valid token only identifies its holder: set the allowed holders, as";
            env.problem(&JWT_ALLOW, format!("{message} {}", JWT_ALLOW.accepts));
        }
        // The platform's pair is used only together, because its client id means nothing to another issuer.
        let pair = match (self.issuer, self.audience) {
            (Some(issuer), Some(audience)) => Some((issuer, audience)),
            (Some(_), None) => missing(env, &JWT_AUDIENCE, "JWT_ISSUER is set: a valid token has both"),
            (None, Some(_)) => missing(env, &JWT_ISSUER, "JWT_AUDIENCE is set: a valid token has both"),
            (None, None) => match (self.provider, self.client) {
                (Some(provider), Some(client)) => {
                    let issuer = usable(env, &OPENID_PROVIDER_URL, &provider, address);
                    let audience = usable(env, &OAUTH_CLIENT_ID, &client, audience);
                    issuer.zip(audience)
                }
                _ => missing(
                    env,
                    &JWT_ISSUER,
                    "tokens are accepted: set JWT_ISSUER and JWT_AUDIENCE, or hf_oauth: true in a Space's README.md",
                ),
            },
        };
        let (issuer, audience) = pair?;
        let dev_keys = || Some(format!("{}/api/auth/jwks", issuer.strip_prefix(DEV)?));
        let origin = self.jwks_url.or_else(dev_keys);
        let origin = origin.map_or_else(|| Location::Issuer(issuer.clone()), Location::Address);
        Some(TokenRule { expected: Expected { issuer, audience }, origin, allow: self.allow? })
    }
}

/// Reads a list with a parser whose error says which entry is wrong.
fn detailed<T, E: fmt::Display>(
    env: &mut Env<'_>,
    var: &'static Var,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Option<Option<T>> {
    match env.optional(var, |text| Some(text.to_owned()))?.as_deref().map(parse).transpose() {
        Ok(value) => Some(value),
        Err(error) => {
            env.problem(var, error.to_string());
            None
        }
    }
}

fn usable(
    env: &mut Env<'_>,
    var: &'static Var,
    text: &str,
    parse: fn(&str) -> Option<String>,
) -> Option<String> {
    let value = parse(text);
    if value.is_none() {
        env.problem(var, format!("{text:?} is not accepted; accepted: {}", var.accepts));
    }
    value
}

fn missing<T>(env: &mut Env<'_>, var: &'static Var, but: &str) -> Option<T> {
    env.problem(var, format!("is not set, but {but}"));
    None
}

fn address(text: &str) -> Option<String> {
    Url::parse(text).filter(Url::is_secure).map(|_| text.to_owned())
}

/// The issuer of nodejs-backend's `DEV_SIGN_IN`, where anyone can sign in as any user: only on this machine.
fn dev_issuer(text: &str, on_space: bool) -> Option<String> {
    let url = Url::parse(text.strip_prefix(DEV)?)?;
    (!on_space && url.origin.is_loopback() && url.target == "/")
        .then(|| text.trim_end_matches('/').to_owned())
}

fn audience(text: &str) -> Option<String> {
    let fits = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

#[cfg(test)]
mod tests;
