//! Who may use the service: everybody, those who have a key, those who have a token, or nobody until the
//! operator decides.

mod allow;
mod config;
mod credentials;
mod keys;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use space_kit::header::{HeaderValue, WWW_AUTHENTICATE};
use space_kit::{Error, StatusCode};

pub(crate) use config::{ALL, read};
pub(crate) use credentials::Credentials;

use allow::Allow;
use keys::Keys;
use space_kit::jwks::{Fetch, Location, Source};
use space_kit::jwt::{Expected, Fault, Token};

use space_kit::rate_limit::Bucket;

/// What the operator decided.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing, though there is an upstream token to protect: only the demo model is served.
    Undecided,
    /// These ways in; at least one.
    Ways { open: bool, keys: Option<Keys>, tokens: Option<TokenRule> },
}

/// Whose tokens count, and which holders may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRule {
    pub(crate) expected: Expected,
    pub(crate) origin: Location,
    pub(crate) allow: Allow,
}

/// The time of a request, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// For distances.
    pub(crate) at: Instant,
    /// Seconds since 1970, for what others wrote down.
    pub(crate) unix: u64,
}

/// Whom a request is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The key's label, the token's subject, or `anonymous`.
    pub(crate) label: String,
    pub(crate) kind: Kind,
}

/// How a caller came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Anonymous,
    Key,
    Token,
}

/// A caller who may pass, or the refusal.
pub(crate) type Decision = Result<Caller, Error>;

/// The access rule at work.
#[derive(Debug)]
pub(crate) struct Access {
    rule: Rule,
    issuer_keys: Option<Source>,
}

impl Access {
    /// The rule with a way to fetch an issuer's keys; nothing is fetched before the first token.
    pub(crate) fn new(rule: Rule, fetch: Fetch) -> Access {
        let issuer_keys = match &rule {
            Rule::Ways { tokens: Some(tokens), .. } => Some(Source::new(tokens.origin.clone(), fetch)),
            _ => None,
        };
        Access { rule, issuer_keys }
    }

    /// Whether the operator decided anything. If not, the demo model alone is served, to everybody.
    pub(crate) fn is_decided(&self) -> bool {
        self.rule != Rule::Undecided
    }

    /// Decides on a request. It waits only where an issuer's keys are to be fetched first.
    pub(crate) async fn decide(&self, credentials: &Credentials<'_>, now: Now) -> Decision {
        let Rule::Ways { open, keys, tokens } = &self.rule else { return Err(not_decided()) };
        let mut refusal = None;
        for offered in credentials.offered() {
            if let Some(label) = keys.as_ref().and_then(|keys| keys.label(offered)) {
                return Ok(Caller { label: label.to_owned(), kind: Kind::Key });
            }
            let pasted = || keys.as_ref()?.label(offered.split_once(':')?.1);
            let outcome = match (tokens, &self.issuer_keys) {
                _ if pasted().is_some() => {
                    Err(unauthorized("send what follows the label and colon in API_KEYS, the key alone"))
                }
                (Some(rule), Some(source)) if Token::is_like(offered) => {
                    check(offered, rule, source, now).await
                }
                (Some(_), _) => Err(unauthorized("this is neither a known key nor a token (JWT)")),
                (None, _) => Err(unauthorized("this key is not known here")),
            };
            match outcome {
                Ok(caller) => return Ok(caller),
                Err(error) => _ = refusal.get_or_insert(error),
            }
        }
        // Clients send some key always, so that the open way in does not mind a wrong one.
        if *open {
            return Ok(Caller::anonymous());
        }
        Err(refusal.unwrap_or_else(|| unauthorized(credentials.lack().message())))
    }
}

impl Caller {
    /// Somebody who did not say who they are.
    pub(crate) fn anonymous() -> Caller {
        Caller { label: "anonymous".to_owned(), kind: Kind::Anonymous }
    }

    /// What the caller's requests are counted under for the rate limit.
    pub(crate) fn bucket(&self, client: IpAddr) -> Bucket<'_> {
        match self.kind {
            Kind::Anonymous => Bucket::address(client),
            Kind::Key => Bucket::Key(&self.label),
            Kind::Token => Bucket::Subject(&self.label),
        }
    }
}

async fn check(text: &str, rule: &TokenRule, source: &Source, now: Now) -> Decision {
    let token = Token::parse(text).map_err(invalid)?;
    let keys = source.keys(now.at).await?;
    let newer;
    let verified = match token.verify(&keys) {
        Err(Fault::NoKey) => {
            newer = source.keys_after(&keys, now.at).await?;
            if Arc::ptr_eq(&keys, &newer) { Err(Fault::NoKey) } else { token.verify(&newer) }
        }
        outcome => outcome,
    };
    let holder = verified.and_then(|verified| verified.holder(&rule.expected, now.unix)).map_err(invalid)?;
    if rule.allow.admits(&holder) {
        return Ok(Caller { label: holder.subject.to_owned(), kind: Kind::Token });
    }
    let message = "the token is valid, but its holder is not among those whom the operator lets pass";
    Err(Error::new(StatusCode::FORBIDDEN, "access_denied", message)
        .cause(format_args!("JWT_ALLOW does not name sub:{}", holder.subject)))
}

fn invalid(fault: Fault) -> Error {
    refuse("Bearer error=\"invalid_token\"", format!("the token is refused: {}", fault.message()))
}

fn unauthorized(message: &'static str) -> Error {
    refuse("Bearer", message)
}

/// A 401 names the scheme to use (RFC 9110 section 11.6.1) and, for a token, that it was no good (RFC 6750
/// section 3.1).
fn refuse(challenge: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

/// The refusal of everything but the demo model.
pub(crate) fn not_decided() -> Error {
    Error::new(
        StatusCode::UNAUTHORIZED,
        "access_not_configured",
        "the operator has not decided yet who may use this service, so only the demo model is served; to \
         decide, set one of: ACCESS=open (everybody), API_KEYS=label:key,... (those who have a key), or \
         JWT_ISSUER, JWT_AUDIENCE and JWT_ALLOW (those who have a token)",
    )
    .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests;
