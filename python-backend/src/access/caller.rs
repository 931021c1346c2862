//! The identity that a request is attributed to.

use std::net::IpAddr;

use space_kit::rate_limit::Bucket;

/// The identity that a request is attributed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The key's label, the token's subject, or `anonymous`.
    pub(crate) label: String,
    pub(crate) kind: CallerKind,
}

/// How a caller was identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallerKind {
    Anonymous,
    Key,
    Token,
}

impl Caller {
    /// A caller without credentials.
    pub(crate) fn anonymous() -> Caller {
        Caller { label: "anonymous".to_owned(), kind: CallerKind::Anonymous }
    }

    /// The rate limit's bucket for the caller's requests.
    pub(crate) fn bucket(&self, client: IpAddr) -> Bucket<'_> {
        match self.kind {
            CallerKind::Anonymous => Bucket::address(client),
            CallerKind::Key => Bucket::Key(&self.label),
            CallerKind::Token => Bucket::Subject(&self.label),
        }
    }
}
