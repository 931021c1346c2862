//! This service as the client of one OpenID provider.

use std::time::Instant;

use serde_json::{Map, Value};
use space_kit::Error;
use space_kit::jwks::{Location, Source, over};
use space_kit::outgoing::Pool;

use super::authorization::{self, SignInOptions};
use super::error::{ProviderError, unavailable, untrusted};
use super::metadata::MetadataCache;
use super::settings::ProviderSettings;
use super::{id_token, token_exchange, userinfo};
use crate::flow::Flow;
use crate::session::user::{User, id_at};

/// This service as the client of one OpenID provider. It fetches nothing before the first sign-in.
pub(crate) struct Client {
    settings: ProviderSettings,
    metadata: MetadataCache,
    keys: Source,
    pool: Pool,
}

impl Client {
    /// A client that has not fetched anything yet.
    pub(super) fn new(settings: ProviderSettings, pool: &Pool) -> Client {
        Client {
            metadata: MetadataCache::new(settings.issuer.clone(), over(pool.clone())),
            keys: Source::new(Location::Issuer(settings.issuer.clone()), over(pool.clone())),
            pool: pool.clone(),
            settings,
        }
    }

    /// The provider's name.
    pub(super) fn name(&self) -> &str {
        &self.settings.name
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
        let metadata = self.metadata.get(now).await?;
        Ok(authorization::url(&metadata, &self.settings, flow, redirect_uri, options))
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
            None => match self.metadata.get(now).await {
                Ok(metadata) if metadata.sends_issuer => Err(ProviderError::IssuerMismatch(
                    "the response has no iss, although the issuer's metadata announces it",
                )),
                Ok(_) => Ok(()),
                Err(error) => Err(unavailable(error.cause.clone().unwrap_or_default())),
            },
        }
    }

    /// Exchanges a code for the user. `now` is the monotonic time, `unix_now` the Unix time in seconds.
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
    ) -> Result<User, ProviderError> {
        let (settings, pool) = (&self.settings, &self.pool);
        let metadata = self.metadata.get(now).await;
        let metadata = metadata.map_err(|error| unavailable(error.cause.clone().unwrap_or_default()))?;
        let tokens =
            token_exchange::exchange(pool, settings, &metadata, code, &flow.verifier, redirect_uri).await?;
        let id_token = &tokens.id_token;
        let mut claims = id_token::verify(&self.keys, settings, id_token, &flow.nonce, now, unix_now).await?;
        if let Some(endpoint) = &metadata.userinfo_endpoint {
            let more = userinfo::fetch(pool, endpoint, &tokens.access_token).await?;
            claims = userinfo::merge(claims, more)?;
        }
        self.identify(&claims).ok_or_else(|| untrusted("the claims have no usable sub"))
    }

    fn identify(&self, claims: &Map<String, Value>) -> Option<User> {
        User::from_claims(claims, |subject| match self.settings.main {
            true => subject.to_owned(),
            false => id_at(&self.settings.issuer, subject),
        })
    }
}
