//! The identity that a request is attributed to.

use std::net::IpAddr;

use space_kit::rate_limit::Bucket;

use super::payer::Payer;

/// The identity that a request is attributed to.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The key's label, the token's subject, a part of the digest of an own Hugging Face token, or `anonymous`.
    pub(crate) label: String,
    pub(crate) kind: CallerKind,
    pub(crate) payer: Payer,
}

/// How a caller was identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallerKind {
    Anonymous,
    Key,
    Token,
    /// By a Hugging Face token of its own, which Hugging Face has accepted lately.
    HubToken,
    /// The same, but it may be anything.
    UnknownHubToken,
}

impl Caller {
    /// A caller without credentials.
    pub(crate) fn anonymous() -> Caller {
        Caller { label: "anonymous".to_owned(), kind: CallerKind::Anonymous, payer: Payer::Operator }
    }

    /// The rate limit's bucket for the caller's requests.
    pub(crate) fn bucket(&self, client: IpAddr) -> Bucket<'_> {
        match self.kind {
            CallerKind::Anonymous | CallerKind::UnknownHubToken => Bucket::address(client),
            CallerKind::Key | CallerKind::HubToken => Bucket::Key(&self.label),
            CallerKind::Token => Bucket::Subject(&self.label),
        }
    }
}
