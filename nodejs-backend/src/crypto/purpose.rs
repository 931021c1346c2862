//! The purposes that keys are derived for.

/// What a sealing key is for. Each purpose has its own key, so that a value sealed for one purpose never opens for
/// another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The session cookie.
    Session,
    /// The token that a page on another site sends as `Authorization: Bearer`.
    Bearer,
    /// The cookie of a sign-in in progress.
    Flow,
    /// The cookie with the provider's tokens.
    Account,
    /// The made-up user of local development, between its page and the callback.
    DevUser,
}

impl Purpose {
    /// The `info` that derives the purpose's key. It is also part of the authenticated data of a sealed value.
    pub(crate) fn label(self) -> &'static [u8] {
        match self {
            Purpose::Session => b"session/v1",
            Purpose::Bearer => b"bearer/v1",
            Purpose::Flow => b"flow/v1",
            Purpose::Account => b"account/v1",
            Purpose::DevUser => b"dev-user/v1",
        }
    }
}
