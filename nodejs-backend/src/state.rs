//! What requests share.

use std::hash::RandomState;

use ring::rand::{SecureRandom, SystemRandom};
use space_kit::rate_limit::Limiter;
use space_kit::{Error, StatusCode};

use crate::cookie::Cookies;
use crate::keys::{Keys, Later};
use crate::oidc::Provider;
use crate::origin::Trusted;
use crate::session::Life;
use crate::spent::Spent;

/// The service's settings, keys and short memory.
pub struct State {
    pub(crate) trusted: Trusted,
    /// `iss` of tokens; their `aud` is the service's own origin.
    pub(crate) issuer: String,
    pub(crate) cookies: Cookies,
    pub(crate) keys: Later<Keys>,
    pub(crate) lives: Lives,
    pub(crate) epoch: u64,
    pub(crate) providers: Vec<Provider>,
    /// Ids of sessions that were signed out.
    pub(crate) signed_out: Spent<RandomState>,
    /// States of sign-ins that came back.
    pub(crate) used: Spent<RandomState>,
    pub(crate) limiter: Limiter<RandomState>,
    pub(crate) random: SystemRandom,
    pub(crate) frame_ancestors: String,
    /// `DEV_SIGN_IN=yes`.
    pub(crate) dev: bool,
}

/// How long the two forms of a session last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lives {
    pub(crate) session: Life,
    pub(crate) bearer: Life,
}

impl State {
    /// The provider of a name.
    pub(crate) fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == name)
    }

    /// Random bytes.
    pub(crate) fn random<const N: usize>(&self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes).map_err(|_| internal("the system has no random bytes"))?;
        Ok(bytes)
    }
}

/// A failure that is no fault of the request.
pub(crate) fn internal(cause: &'static str) -> Error {
    Error::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal_error",
        "the service could not do this; its log says why",
    )
    .cause(cause)
}
