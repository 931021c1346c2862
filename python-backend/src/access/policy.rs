//! The access rule, and the decision on a request's credentials.

use std::borrow::Cow;
use std::hash::RandomState;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};
use space_kit::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use space_kit::jwks::{FetchDocument, IssuerError, KeySource, Location, VerifyError};
use space_kit::jwt::{Expected, Token, TokenError};
use space_kit::rate_limit::{Bucket, Limiter, Rate, Verdict};
use space_kit::seal::GatewaySecret;
use space_kit::web::Origin;
use space_kit::{Error, StatusCode};

use super::allow::AllowList;
use super::caller::{Caller, CallerKind};
use super::credentials::Credentials;
use super::keys::ApiKeys;
use super::payer::{FoundToken, OwnTokens, Payer};
use crate::clock::Now;

/// The operator's rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AccessRule {
    /// No rule is set, but there is an upstream token to protect. Only the demo model is served.
    NotConfigured,
    /// At least one of these is on, or callers bring their own Hugging Face tokens.
    Allow { open: bool, keys: Option<ApiKeys>, tokens: Option<TokenRule> },
}

/// The prefix of the issuer of nodejs-backend's `DEV_SIGN_IN`.
pub(crate) const DEV: &str = "dev:";

/// Which tokens are valid, and which of their holders are allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenRule {
    pub(crate) expected: Expected,
    pub(crate) origin: Location,
    pub(crate) allow: AllowList,
}

/// How many invalid credentials one address may send. Checking a token takes half a millisecond.
pub(crate) const FAILURES: Rate = Rate::a_minute(60);

/// The access rule, with the issuer's keys for checking tokens.
pub(crate) struct Access {
    rule: AccessRule,
    issuer_keys: Option<KeySource>,
    /// What the holders of tokens pay with, if they do.
    gateway: Option<GatewaySecret>,
    /// Whether callers may bring their own Hugging Face tokens.
    takes_own: bool,
    own: Arc<OwnTokens>,
}

impl Access {
    /// The rule, with a function that fetches an issuer's keys, and the limit of [`FAILURES`]. Nothing is fetched before
    /// the first token.
    pub(crate) fn new(rule: AccessRule, fetch: FetchDocument, failures: Limiter<RandomState>) -> Access {
        let issuer_keys = match &rule {
            AccessRule::Allow { tokens: Some(tokens), .. } => {
                Some(KeySource::new(tokens.origin.clone(), fetch))
            }
            _ => None,
        };
        Access { rule, issuer_keys, gateway: None, takes_own: false, own: Arc::new(OwnTokens::new(failures)) }
    }

    /// Which callers pay: the holders of tokens, with the access token that is sealed in them, and callers with their own
    /// Hugging Face token.
    pub(crate) fn paid_by_callers(self, gateway: Option<GatewaySecret>, takes_own: bool) -> Access {
        Access { gateway, takes_own, ..self }
    }

    /// Whether some callers pay, so that the operator needs no token.
    pub(crate) fn has_payers(&self) -> bool {
        self.gateway.is_some() || self.takes_own
    }

    /// The origin of the nodejs-backend whose tokens are accepted. It is their issuer and their audience.
    pub(crate) fn sign_in(&self) -> Option<&str> {
        let AccessRule::Allow { tokens: Some(TokenRule { expected, .. }), .. } = &self.rule else {
            return None;
        };
        let origin = expected.audience.as_str();
        let same = expected.issuer.strip_prefix(DEV).unwrap_or(&expected.issuer) == origin;
        (same && Origin::parse(origin).is_some_and(|parsed| parsed.to_string() == origin)).then_some(origin)
    }

    /// Whether the operator set a rule. Without one, only the demo model is served, to everyone.
    pub(crate) fn is_configured(&self) -> bool {
        self.rule != AccessRule::NotConfigured
    }

    /// Whether everyone may call, without a credential.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.rule, AccessRule::Allow { open: true, .. })
    }

    /// Identifies the caller of a request. It waits only if an issuer's keys must be fetched first.
    ///
    /// # Errors
    ///
    /// 401 if no credential is valid, 403 if a token is valid but its holder is not allowed, 429 if the client's address
    /// sent too many invalid ones, and the error of the fetch if the issuer's keys are unavailable.
    pub(crate) async fn authenticate(
        &self,
        credentials: &Credentials<'_>,
        client: IpAddr,
        now: Now,
    ) -> Result<Caller, Error> {
        let AccessRule::Allow { open, keys, tokens } = &self.rule else { return Err(not_configured()) };
        let mut first_error = None;
        for offered in credentials.offered() {
            if let Some(label) = keys.as_ref().and_then(|keys| keys.label(offered)) {
                return Ok(Caller { label: label.to_owned(), kind: CallerKind::Key, payer: Payer::Operator });
            }
            let found = if self.takes_own { self.own.find(offered, client, now.instant) } else { None };
            if let Some(FoundToken { token, label, is_accepted: true }) = found {
                return Ok(Caller { label, kind: CallerKind::HubToken, payer: Payer::Caller(token) });
            }
            // Whoever has a key is not held up by others at the same address.
            let before = self.own.failures.peek(Bucket::address(client), now.instant);
            if !before.admitted {
                first_error = Some(too_many_failures(&before));
                break;
            }
            if let Some(FoundToken { token, label, .. }) = found {
                // Only Hugging Face can say whether it is valid.
                self.own.failures.take(Bucket::address(client), now.instant);
                return Ok(Caller { label, kind: CallerKind::UnknownHubToken, payer: Payer::Caller(token) });
            }
            let after_label = || keys.as_ref()?.label(offered.split_once(':')?.1);
            let outcome = match (tokens, &self.issuer_keys) {
                _ if after_label().is_some() => {
                    Err(unauthorized("send only the key: the part after the label and the colon in API_KEYS"))
                }
                (Some(rule), Some(source)) if Token::is_like(offered) => {
                    self.check(offered, rule, source, now).await
                }
                (Some(_), _) => {
                    Err(unauthorized("the credential is neither a known API key nor a token (JWT)"))
                }
                (None, _) => Err(unauthorized("the API key is unknown")),
            };
            match outcome {
                Ok(caller) => return Ok(caller),
                Err(error) => {
                    if error.status == StatusCode::UNAUTHORIZED {
                        self.own.failures.take(Bucket::address(client), now.instant);
                    }
                    _ = first_error.get_or_insert(error);
                }
            }
        }
        // Many clients always send a key, so open access ignores an invalid one.
        if *open {
            return Ok(Caller::anonymous());
        }
        Err(first_error.unwrap_or_else(|| unauthorized(credentials.error().message())))
    }

    async fn check(
        &self,
        text: &str,
        rule: &TokenRule,
        source: &KeySource,
        now: Now,
    ) -> Result<Caller, Error> {
        let token = Token::parse(text).map_err(invalid)?;
        let verified = source.verify(&token, now.instant).await.map_err(|error| match error {
            VerifyError::Token(error) => invalid(error),
            VerifyError::Issuer(error) => unavailable(&error),
        })?;
        let holder = verified.holder(&rule.expected, now.unix).map_err(invalid)?;
        if rule.allow.allows(&holder) {
            let (label, kind) = (holder.subject.to_owned(), CallerKind::Token);
            return Ok(Caller { label, kind, payer: self.payer(holder.claims()) });
        }
        let message = "the token is valid, but its holder is not allowed to use this service";
        Err(Error::new(StatusCode::FORBIDDEN, "access_denied", message)
            .cause(format_args!("JWT_ALLOW does not name sub:{}", holder.subject)))
    }

    /// Who pays for the holder of a token with these claims.
    fn payer(&self, claims: &Map<String, Value>) -> Payer {
        let Some(gateway) = &self.gateway else { return Payer::Operator };
        match gateway.open(claims) {
            Some(token) => Payer::sealed(&token),
            None if claims.contains_key(GatewaySecret::CLAIM) => Payer::Missing(
                "the sealed access token does not open: GATEWAY_SECRET must be the same in nodejs-backend",
            ),
            None => Payer::Missing("the token has no sealed access token"),
        }
    }
}

fn invalid(error: TokenError) -> Error {
    unauthorized_with("Bearer error=\"invalid_token\"", format!("the token is invalid: {}", error.message()))
}

/// The issuer's keys are not available. That is not the client's fault, and a retry may work.
fn unavailable(error: &IssuerError) -> Error {
    let seconds = error.retry_after.as_secs_f64().ceil().clamp(1.0, 60.0) as u64;
    let message = "the token cannot be checked, because its issuer's keys are not available; try again later";
    Error::new(StatusCode::BAD_GATEWAY, "jwks_unavailable", message)
        .header(RETRY_AFTER, seconds.into())
        .cause(format_args!("JWKS: {error}"))
}

fn unauthorized(message: &'static str) -> Error {
    unauthorized_with("Bearer", message)
}

fn too_many_failures(verdict: &Verdict) -> Error {
    let seconds = verdict.wait.as_secs_f64().ceil().clamp(1.0, 60.0) as u64;
    let message = format!("this address sent too many invalid credentials; try again in {seconds} s");
    Error::new(StatusCode::TOO_MANY_REQUESTS, "too_many_failures", message)
        .header(RETRY_AFTER, seconds.into())
}

/// A 401 names the scheme to use (RFC 9110, section 11.6.1) and, for a token, that it is invalid (RFC 6750,
/// section 3.1).
fn unauthorized_with(challenge: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message)
        .header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

/// The error for every request other than one to the demo model, until the operator sets a rule.
pub(crate) fn not_configured() -> Error {
    Error::new(
        StatusCode::UNAUTHORIZED,
        "access_not_configured",
        "the operator has not configured access yet, so only the demo model is available; set one of: \
         ACCESS=open (everyone), API_KEYS=label:key,... (callers with a key), or JWT_ISSUER, JWT_AUDIENCE and \
         JWT_ALLOW (callers with a token)",
    )
    .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

#[cfg(test)]
mod tests;
