//! The settings of access and rate: who may use the service, and how often.

use space_kit::{Env, Var};

use super::allow::Allow;
use super::keys::Keys;
use super::{Rule, TokenRule};
use space_kit::jwks::Location;
use space_kit::jwt::Expected;
use space_kit::outgoing::Url;
use space_kit::rate_limit::Rate;

space_kit::vars! {
    pub(crate) ALL;
    ACCESS = "what API_KEYS and JWT_* say; else nobody if there is an upstream token, everybody if there is none",
        "open, keys or jwt, or several separated by commas",
        "who may use /v1: everybody, those with one of API_KEYS, those with a token that JWT_* lets pass";
    API_KEYS (secret) = "",
        "label:key entries separated by commas; a label is 1 to 32 of A-Z a-z 0-9 . _ -, a key 20 or more visible ASCII characters",
        "keys that open the service, in Authorization: Bearer or x-api-key; the label is what logs and metrics show";
    JWT_ISSUER = "OPENID_PROVIDER_URL, where neither this nor JWT_AUDIENCE is set",
        "an https address, or http on loopback; off a Space dev:http://127.0.0.1:PORT, nodejs-backend with DEV_SIGN_IN",
        "issuer of the tokens that count, exactly as their iss has it";
    JWT_AUDIENCE = "OAUTH_CLIENT_ID, where neither this nor JWT_ISSUER is set", "a text of up to 255 characters",
        "audience of the tokens that count: their aud";
    JWT_JWKS_URL = "what the issuer's OpenID metadata say", "an https address, or http on loopback",
        "where the issuer's public keys are";
    JWT_ALLOW = "", "sub:ID, user:NAME and org:NAME-OR-ID separated by commas, or * alone",
        "holders of a valid token who may pass; names can change hands, a sub cannot; * is everybody whom the issuer knows";
    OPENID_PROVIDER_URL = "", "an https address, or http on loopback",
        "set by a Space with hf_oauth: true; the default of JWT_ISSUER";
    OAUTH_CLIENT_ID = "", "a text of up to 255 characters",
        "set by a Space with hf_oauth: true; the default of JWT_AUDIENCE";
    RATE_LIMIT = "20/min if access is open, or JWT_ALLOW is *, and there is an upstream token; else none",
        "a count from 1 to 1000000 and a unit, such as 5/s, 60/min, 500/h or 1000/day, or none",
        "requests from one key, token subject or client address (IPv6: /64); 429 beyond it";
}

/// The default of `RATE_LIMIT` where anybody may spend the operator's credits.
const OPEN_RATE: Rate = Rate::a_minute(20);

/// What the issuers of made-up users begin with.
const DEV: &str = "dev:";

/// What the variables say.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AccessConfig {
    pub(crate) rule: Rule,
    /// `None`: no limit.
    pub(crate) rate: Option<Rate>,
}

impl AccessConfig {
    /// What the operator should know of it.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        match &self.rule {
            Rule::Undecided => Some(
                "HF_TOKEN or UPSTREAM_API_KEYS is set but nobody may use it: set ACCESS, API_KEYS or JWT_ALLOW; until \
                 then only demo is served",
            ),
            Rule::Ways { tokens: Some(tokens), .. } if tokens.expected.issuer.starts_with(DEV) => {
                Some("JWT_ISSUER is of DEV_SIGN_IN: anybody may come as anybody; for local development alone")
            }
            Rule::Ways { .. } => None,
        }
    }
}

/// Reads the variables; `None` means that `env` has the problems.
///
/// Where nothing is decided and there is an upstream token, nobody may spend it, on a Space or elsewhere: the
/// service listens on all addresses by default, so that a forgotten rule would give the token away anywhere.
pub(crate) fn read(env: &mut Env<'_>, has_upstream_token: bool) -> Option<AccessConfig> {
    let modes = detailed(env, &ACCESS, Modes::parse);
    let keys = detailed(env, &API_KEYS, Keys::parse);
    let jwt = JwtVars::read(env);
    let rate = env.optional(&RATE_LIMIT, |text| match text {
        "none" => Some(None),
        rate => Rate::parse(rate).map(Some),
    });
    let (Some(given), Some(keys), Some(jwt), Some(rate)) = (modes, keys, jwt, rate) else { return None };
    let modes = given.unwrap_or(Modes { open: false, keys: keys.is_some(), jwt: jwt.is_wanted() });
    let undecided = modes == Modes::default();
    let unused =
        |name: &str| format!("is set, but ACCESS has no {name}: add {name} to ACCESS or take this away");
    if modes.keys && keys.is_none() {
        env.problem(&API_KEYS, "is not set, but ACCESS has keys".to_owned());
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
    let to_all = modes.open || tokens.as_ref().is_some_and(|tokens| tokens.allow == Allow::Everybody);
    let rate = rate.unwrap_or((to_all && has_upstream_token).then_some(OPEN_RATE));
    let rule = match undecided {
        true if has_upstream_token => Rule::Undecided,
        _ => Rule::Ways { open: modes.open || undecided, keys, tokens },
    };
    Some(AccessConfig { rule, rate })
}

/// `ACCESS`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Modes {
    open: bool,
    keys: bool,
    jwt: bool,
}

impl Modes {
    fn parse(text: &str) -> Result<Modes, String> {
        let mut modes = Modes::default();
        for name in text.split(',').map(str::trim) {
            let mode = match name {
                "open" => &mut modes.open,
                "keys" => &mut modes.keys,
                "jwt" => &mut modes.jwt,
                _ => return Err(format!("{text:?} is not accepted; accepted: {}", ACCESS.accepts)),
            };
            if std::mem::replace(mode, true) {
                return Err(format!("{text:?} has {name} twice"));
            }
        }
        Ok(modes)
    }
}

/// The variables about tokens, each as it was given.
struct JwtVars {
    issuer: Option<String>,
    audience: Option<String>,
    jwks_url: Option<String>,
    allow: Option<Allow>,
    provider: Option<String>,
    client: Option<String>,
}

impl JwtVars {
    fn read(env: &mut Env<'_>) -> Option<JwtVars> {
        let on_space = env.is_set("SPACE_ID");
        let issuer = env.optional(&JWT_ISSUER, |text| address(text).or_else(|| dev_issuer(text, on_space)));
        let audience = env.optional(&JWT_AUDIENCE, audience);
        let jwks_url = env.optional(&JWT_JWKS_URL, address);
        let allow = detailed(env, &JWT_ALLOW, Allow::parse);
        // Set by the platform: wrong only where they are used.
        let provider = env.optional(&OPENID_PROVIDER_URL, |text| Some(text.to_owned()));
        let client = env.optional(&OAUTH_CLIENT_ID, |text| Some(text.to_owned()));
        match (issuer, audience, jwks_url, allow, provider, client) {
            (Some(issuer), Some(audience), Some(jwks_url), Some(allow), Some(provider), Some(client)) => {
                Some(JwtVars { issuer, audience, jwks_url, allow, provider, client })
            }
            _ => None,
        }
    }

    /// Those of the operator's own that are set; the platform's are there whether anybody wants tokens or not.
    fn set(&self) -> impl Iterator<Item = &'static Var> {
        let all = [
            (&JWT_ISSUER, self.issuer.is_some()),
            (&JWT_AUDIENCE, self.audience.is_some()),
            (&JWT_JWKS_URL, self.jwks_url.is_some()),
            (&JWT_ALLOW, self.allow.is_some()),
        ];
        all.into_iter().filter(|(_, set)| *set).map(|(var, _)| var)
    }

    fn is_wanted(&self) -> bool {
        self.set().next().is_some()
    }

    fn rule(self, env: &mut Env<'_>) -> Option<TokenRule> {
        if self.allow.is_none() {
            let message = "is not set, and a valid token only says who somebody is: say who may pass, with";
            env.problem(&JWT_ALLOW, format!("{message} {}", JWT_ALLOW.accepts));
        }
        // The platform's pair is taken whole: its client id says nothing to another issuer.
        let pair = match (self.issuer, self.audience) {
            (Some(issuer), Some(audience)) => Some((issuer, audience)),
            (Some(_), None) => missing(env, &JWT_AUDIENCE, "JWT_ISSUER is: both say whose tokens count"),
            (None, Some(_)) => missing(env, &JWT_ISSUER, "JWT_AUDIENCE is: both say whose tokens count"),
            (None, None) => match (self.provider, self.client) {
                (Some(provider), Some(client)) => {
                    let issuer = usable(env, &OPENID_PROVIDER_URL, &provider, address);
                    let audience = usable(env, &OAUTH_CLIENT_ID, &client, audience);
                    issuer.zip(audience)
                }
                _ => missing(
                    env,
                    &JWT_ISSUER,
                    "tokens are wanted: set JWT_ISSUER and JWT_AUDIENCE, or hf_oauth: true in a Space's README.md",
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

/// Reads a list with a parser that says what is wrong in it.
fn detailed<T>(
    env: &mut Env<'_>,
    var: &'static Var,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<Option<T>> {
    match env.optional(var, |text| Some(text.to_owned()))?.as_deref().map(parse).transpose() {
        Ok(value) => Some(value),
        Err(message) => {
            env.problem(var, message);
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

/// The issuer of nodejs-backend's `DEV_SIGN_IN`, where anybody is whoever they say they are: on this machine alone.
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
