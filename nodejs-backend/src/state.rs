//! The state that all requests share.

use std::hash::RandomState;

use ring::rand::{SecureRandom, SystemRandom};
use space_kit::Error;
use space_kit::rate_limit::Limiter;
use space_kit::seal::GatewaySecret;

use crate::crypto::keys::{Deferred, Keys};
use crate::error::internal;
use crate::oidc::Provider;
use crate::session::Lifetimes;
use crate::session::allow::AllowList;
use crate::session::cookie::Sessions;
use crate::session::refreshes::Refreshes;
use crate::session::replay::ReplayCache;
use crate::web::cookie::CookieSettings;
use crate::web::trusted_origins::TrustedOrigins;

/// Whether the provider's tokens are kept, and who may use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeepToken {
    No,
    /// Pages that visitors sign in from, and the gateway.
    Pages,
    /// Only the gateway.
    Gateway,
}

/// The service's settings and keys, and the little that it remembers between requests.
pub struct State {
    pub(crate) trusted: TrustedOrigins,
    /// Who may sign in.
    pub(crate) allow: AllowList,
    /// `iss` of the tokens for other backends. Their `aud` is the service's own origin.
    pub(crate) issuer: String,
    pub(crate) cookies: CookieSettings,
    pub(crate) keys: Deferred<Keys>,
    pub(crate) lifetimes: Lifetimes,
    /// `SESSION_EPOCH`. A session of another epoch is rejected.
    pub(crate) epoch: u64,
    pub(crate) providers: Vec<Provider>,
    /// Ids of sessions that were signed out.
    pub(crate) revoked_sessions: ReplayCache<RandomState>,
    /// `state` parameters of sign-ins that came back from the provider.
    pub(crate) used_states: ReplayCache<RandomState>,
    pub(crate) limiter: Limiter<RandomState>,
    pub(crate) random: SystemRandom,
    pub(crate) frame_ancestors: String,
    /// `KEEP_PROVIDER_TOKEN`.
    pub(crate) keep_token: KeepToken,
    /// For tokens that a gateway pays with.
    pub(crate) gateway: Option<GatewaySecret>,
    /// Refreshes of the provider's tokens.
    pub(crate) refreshes: Refreshes,
    /// Whether `DEV_SIGN_IN` is on.
    pub(crate) dev: bool,
}

impl State {
    /// The provider with this name.
    pub(crate) fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name() == name)
    }

    /// The parts that read and write sessions.
    pub(crate) fn sessions(&self) -> Sessions<'_> {
        Sessions {
            keys: &self.keys,
            cookies: self.cookies,
            lifetimes: self.lifetimes,
            epoch: self.epoch,
            revoked: &self.revoked_sessions,
        }
    }

    /// `N` random bytes.
    ///
    /// # Errors
    ///
    /// 500 if the operating system has no random bytes.
    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).map_err(|_| internal("the operating system has no random bytes"))?;
        Ok(bytes)
    }
}
