//! Why a sign-in fails after the provider sent the browser back.

use std::fmt;

/// Why a sign-in fails after the provider sent the browser back. `Display` is the cause for the log; the visitor sees
/// only a page for [`ProviderError::code`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ProviderError {
    /// The response is not from the configured issuer (RFC 9207).
    IssuerMismatch(&'static str),
    /// The token endpoint rejects the code.
    CodeRejected(String),
    /// The provider's tokens or claims fail a check.
    Untrusted(String),
    /// The provider cannot be reached, or its response is unusable.
    Unavailable(String),
}

impl ProviderError {
    /// The code for the visitor's page and for `errorCallbackURL`.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            ProviderError::IssuerMismatch(_) => "issuer_mismatch",
            ProviderError::CodeRejected(_) => "invalid_code",
            ProviderError::Untrusted(_) => "unable_to_get_user_info",
            ProviderError::Unavailable(_) => "provider_unavailable",
        }
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProviderError::IssuerMismatch(cause) => f.write_str(cause),
            ProviderError::CodeRejected(cause)
            | ProviderError::Untrusted(cause)
            | ProviderError::Unavailable(cause) => f.write_str(cause),
        }
    }
}

/// An error of tokens or claims that fail a check.
pub(super) fn untrusted(cause: impl ToString) -> ProviderError {
    ProviderError::Untrusted(cause.to_string())
}

/// An error of a provider that cannot be reached.
pub(super) fn unavailable(cause: impl ToString) -> ProviderError {
    ProviderError::Unavailable(cause.to_string())
}
