//! OpenID Connect as a relying party: the code flow with PKCE (OpenID Connect Core section 3.1, RFC 7636, RFC 9207,
//! RFC 9700).

mod authorize;
mod exchange;
mod id_token;
mod metadata;
mod request;
mod userinfo;

use std::time::Instant;

use serde_json::{Map, Value};
use space_kit::Error;
use space_kit::jwks::{Location, Source, over};
use space_kit::outgoing::Pool;

pub(crate) use authorize::Wishes;
#[cfg(feature = "fuzzing")]
pub(crate) use {id_token::check_flow, userinfo::merge};

use crate::config::providers::Settings;
use crate::flow::Flow;
use crate::user::{User, id_at};
use metadata::{Cache, Metadata};

/// Who signs visitors in.
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// How a provider does it.
pub(crate) enum Kind {
    /// By OpenID Connect.
    OpenId(Box<Client>),
    /// By the page of local development.
    Dev,
}

/// This service at one provider. Nothing is fetched before the first sign-in.
pub(crate) struct Client {
    settings: Settings,
    metadata: Cache,
    keys: Source,
    pool: Pool,
}

/// Why a sign-in fails after its return: a code for the visitor's page and a reason for the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: &'static str,
    pub(crate) cause: String,
}

/// The provider's answers say that nobody can be signed in.
fn untrusted(cause: impl ToString) -> Failure {
    Failure { code: "unable_to_get_user_info", cause: cause.to_string() }
}

/// The provider is out of reach, or answers what no provider would.
fn unavailable(cause: impl ToString) -> Failure {
    Failure { code: "provider_unavailable", cause: cause.to_string() }
}

impl Provider {
    /// A provider by its settings.
    pub(crate) fn open_id(settings: Settings, pool: &Pool) -> Provider {
        let client = Client {
            metadata: Cache::new(settings.issuer.clone(), over(pool.clone())),
            keys: Source::new(Location::Issuer(settings.issuer.clone()), over(pool.clone())),
            pool: pool.clone(),
            settings,
        };
        Provider { name: client.settings.name.clone(), kind: Kind::OpenId(Box::new(client)) }
    }

    /// The provider of local development.
    pub(crate) fn dev(name: String) -> Provider {
        Provider { name, kind: Kind::Dev }
    }
}

impl Client {
    /// Where the browser is sent for a sign-in.
    pub(crate) async fn authorization_url(
        &self,
        flow: &Flow,
        redirect_uri: &str,
        wishes: &Wishes,
        now: Instant,
    ) -> Result<String, Error> {
        let metadata = self.metadata.get(now).await?;
        Ok(authorize::url(&metadata, &self.settings, flow, redirect_uri, wishes))
    }

    /// Checks who answered (RFC 9207 section 2.4), before anything else of the answer is believed. `iss` is the
    /// parameter of that name.
    pub(crate) async fn check_issuer(&self, iss: Option<&str>, now: Instant) -> Result<(), Failure> {
        let mismatch = |cause: &str| Failure { code: "issuer_mismatch", cause: cause.to_owned() };
        match iss {
            Some(iss) if iss != self.settings.issuer => {
                Err(mismatch("the answer is from another issuer (iss)"))
            }
            Some(_) => Ok(()),
            None => match self.metadata.get(now).await {
                Ok(metadata) if metadata.sends_issuer => {
                    Err(mismatch("the answer has no iss, though the issuer's metadata announce it"))
                }
                Ok(_) => Ok(()),
                Err(error) => Err(unavailable(error.cause.clone().unwrap_or_default())),
            },
        }
    }

    /// The user whom a code stands for. `now` is in seconds since 1970.
    pub(crate) async fn user(
        &self,
        flow: &Flow,
        code: &str,
        redirect_uri: &str,
        at: Instant,
        now: u64,
    ) -> Result<User, Failure> {
        let metadata = self.metadata.get(at).await;
        let metadata = metadata.map_err(|error| unavailable(error.cause.clone().unwrap_or_default()))?;
        let tokens = exchange::exchange(self, &metadata, code, &flow.verifier, redirect_uri).await?;
        let mut claims = id_token::verify(self, &tokens.id_token, &flow.nonce, at, now).await?;
        if let Some(endpoint) = &metadata.userinfo_endpoint {
            let more = userinfo::fetch(&self.pool, endpoint, &tokens.access_token).await?;
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
