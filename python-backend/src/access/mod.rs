//! Who may use the service: everyone, callers with an API key, callers with a token, or no one until the
//! operator decides. And who pays for it.

mod allow;
mod caller;
mod credentials;
mod keys;
mod payer;
mod policy;

pub(crate) use allow::AllowList;
pub(crate) use caller::Caller;
pub(crate) use credentials::Credentials;
pub(crate) use keys::ApiKeys;
pub(crate) use payer::PayerToken;
pub(crate) use policy::{Access, AccessRule, DEV, FAILURES, TokenRule, not_configured};
