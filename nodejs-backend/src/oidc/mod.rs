//! OpenID Connect as a relying party: the authorization code flow with PKCE (OpenID Connect Core section 3.1, RFC 7636,
//! RFC 9207, RFC 9700).

mod authorization;
mod client;
mod endpoints;
mod error;
mod fetch;
mod id_token;
mod provider;
pub(crate) mod settings;
mod token_exchange;
mod userinfo;

pub(crate) use authorization::{SignInOptions, is_additional};
pub(crate) use error::ProviderError;
pub(crate) use provider::Provider;
#[cfg(feature = "fuzzing")]
pub(crate) use {id_token::check_flow, userinfo::merge};
