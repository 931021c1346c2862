//! This service as the client of one OpenID provider.

use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use space_kit::header::{HeaderValue, RETRY_AFTER};
use space_kit::jwks::{Discovery, IssuerError, KeySource, fetch_over};
use space_kit::outgoing::Pool;
use space_kit::{Error, StatusCode};

use super::authorization::{self, SignInOptions};
use super::endpoints::Endpoints;
use super::error::{ProviderError, unavailable, untrusted};
use super::settings::ProviderSettings;
use super::{id_token, token_exchange, userinfo};
use crate::flow::Flow;
use crate::session::account::ProviderTokens;
use crate::session::user::{User, id_at};

/// When to try again after unusable metadata.
const PAUSE: Duration = Duration::from_secs(5);

/// This service as the client of one OpenID provider. It fetches nothing before the first sign-in.
pub(crate) struct Client {
    settings: ProviderSettings,
    metadata: Discovery,
    /// They share `metadata`, so that a sign-in fetches it only once.
    keys: KeySource,
    pool: Pool,
}

impl Client {
    /// A client that has not fetched anything yet.
    pub(super) fn new(settings: ProviderSettings, pool: &Pool) -> Client {
        let check = |metadata: &_| Endpoints::of(metadata).map(drop);
        let metadata = Discovery::new(settings.issuer.clone(), fetch_over(pool.clone()), check);
        Client { keys: KeySource::discovered(metadata.clone()), metadata, pool: pool.clone(), settings }
    }

    /// The provider's name.
    pub(super) fn name(&self) -> &str {
        &self.settings.name
    }

    /// Whether it is the provider that a Space configures.
    pub(super) fn is_main(&self) -> bool {
        self.settings.main
    }

    /// How this service is known to the provider.
    pub(crate) fn settings(&self) -> &ProviderSettings {
        &self.settings
    }

    /// The address at the provider where the browser starts the sign-in.
    ///
    /// # Errors
    ///
    /// 502 if the provider's metadata cannot be fetched.
    pub(crate) async fn authorization_url(
        &self,
        flow: &Flow,
        redirect_uri: &str,
        options: &SignInOptions,
        now: Instant,
    ) -> Result<String, Error> {
        let endpoints = self.endpoints(now).await.map_err(provider_unavailable)?;
        Ok(authorization::url(&endpoints.authorization, &self.settings, flow, redirect_uri, options))
    }

    /// Checks which issuer sent the response (RFC 9207 section 2.4); `iss` is its parameter of that name. Call this
    /// before using any other part of the response.
    ///
    /// # Errors
    ///
    /// `IssuerMismatch`, or `Unavailable` if the provider's metadata cannot be fetched.
    pub(crate) async fn check_issuer(&self, iss: Option<&str>, now: Instant) -> Result<(), ProviderError> {
        match iss {
            Some(iss) if iss != self.settings.issuer => {
                Err(ProviderError::IssuerMismatch("the response is from another issuer (iss)"))
            }
            Some(_) => Ok(()),
            None if self.endpoints(now).await.map_err(discovery_failed)?.sends_issuer => {
                let cause = "the response has no iss, although the issuer's metadata announces it";
                Err(ProviderError::IssuerMismatch(cause))
            }
            None => Ok(()),
        }
    }

    /// Exchanges a code for the user, its `sub` and the provider's tokens. `now` is the monotonic time, `unix_now` the Unix time in seconds.
    ///
    /// # Errors
    ///
    /// Every [`ProviderError`] except `IssuerMismatch`.
    pub(crate) async fn user(
        &self,
        flow: &Flow,
        code: &str,
        redirect_uri: &str,
        now: Instant,
        unix_now: u64,
    ) -> Result<(User, String, ProviderTokens), ProviderError> {
        let (settings, pool) = (&self.settings, &self.pool);
        let endpoints = self.endpoints(now).await.map_err(discovery_failed)?;
        let endpoint = &endpoints.token;
        let verifier = &flow.verifier;
        let tokens =
            token_exchange::exchange(pool, settings, endpoint, code, verifier, redirect_uri, unix_now)
                .await?;
        let id_token = tokens.id_token.as_deref();
        let id_token = id_token.ok_or_else(|| untrusted("the token response has no id_token"))?;
        let mut claims = id_token::verify(&self.keys, settings, id_token, &flow.nonce, now, unix_now).await?;
        if let Some(endpoint) = &endpoints.userinfo {
            let more = userinfo::fetch(pool, endpoint, &tokens.access_token).await?;
            claims = userinfo::merge(claims, more)?;
        }
        let user = self.identify(&claims).ok_or_else(|| untrusted("the claims have no usable sub"))?;
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok((user, subject, tokens))
    }

    /// Refreshes tokens. `now` is the monotonic time, `unix_now` the Unix time in seconds.
    ///
    /// # Errors
    ///
    /// `CodeRejected` if the provider rejects the refresh token, else `Untrusted` or `Unavailable`.
    pub(crate) async fn refresh(
        &self,
        tokens: &ProviderTokens,
        now: Instant,
        unix_now: u64,
    ) -> Result<ProviderTokens, ProviderError> {
        let endpoint = self.endpoints(now).await.map_err(discovery_failed)?.token;
        token_exchange::refresh(&self.pool, &self.settings, &endpoint, tokens, unix_now).await
    }

    async fn endpoints(&self, now: Instant) -> Result<Endpoints, IssuerError> {
        let metadata = self.metadata.metadata(now).await?;
        // The metadata has passed this check already.
        Endpoints::of(&metadata).map_err(|error| IssuerError { retry_after: PAUSE, cause: error.into() })
    }

    fn identify(&self, claims: &Map<String, Value>) -> Option<User> {
        User::from_claims(claims, |subject| match self.settings.main {
            true => subject.to_owned(),
            false => id_at(&self.settings.issuer, subject),
        })
    }
}

/// 502 for a sign-in that cannot start. Only the log gets the cause.
fn provider_unavailable(error: IssuerError) -> Error {
    let message = "the sign-in provider cannot be reached; try again in a few seconds";
    Error::new(StatusCode::BAD_GATEWAY, "provider_unavailable", message)
        .header(RETRY_AFTER, HeaderValue::from(error.retry_after.as_secs()))
        .cause(format_args!("OpenID discovery: {error}"))
}

fn discovery_failed(error: IssuerError) -> ProviderError {
    unavailable(format!("OpenID discovery: {error}"))
}
