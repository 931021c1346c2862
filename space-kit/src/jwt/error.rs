//! Why a token is rejected.

use std::borrow::Cow;
use std::fmt;

/// The longest token, in bytes. It bounds the work on a token that the issuer did not sign.
pub(super) const MAX_TOKEN: usize = 16 * 1024;

/// Why a token is rejected. The message is for the client and repeats nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// Longer than 16 KiB.
    TooLong,
    /// Not three parts of base64url, or not JSON objects.
    Malformed,
    /// An `alg` that is not accepted.
    Algorithm,
    /// A `crit` header.
    Critical,
    /// A `typ` of another kind of token.
    Kind,
    /// The set has no key for it; the issuer may have a newer one.
    NoKey,
    /// The signature is not valid.
    Signature,
    /// This claim is missing or of the wrong type.
    Claim(&'static str),
    /// Another `iss`.
    Issuer,
    /// Another `aud`.
    Audience,
    /// Another `azp`.
    Party,
    /// Past its `exp`.
    Expired,
    /// Before its `nbf` or `iat`.
    NotYet,
}

impl TokenError {
    /// What is wrong, as a clause that continues "the token is rejected: ".
    pub fn message(self) -> Cow<'static, str> {
        match self {
            TokenError::TooLong => format!("it is longer than {MAX_TOKEN} bytes").into(),
            TokenError::Malformed => {
                "it is not three base64url parts of which the first two are JSON objects".into()
            }
            TokenError::Algorithm => "its alg is not EdDSA, ES256 or RS256".into(),
            TokenError::Critical => "its header has crit, but no extension is supported".into(),
            TokenError::Kind => "its typ is neither JWT nor at+jwt".into(),
            TokenError::NoKey => "its issuer has no key for it (kid, alg)".into(),
            TokenError::Signature => "its signature is not valid".into(),
            TokenError::Claim(name) => format!("its claim {name} is missing or malformed").into(),
            TokenError::Issuer => "it is from another issuer (iss)".into(),
            TokenError::Audience => "it is for another audience (aud)".into(),
            TokenError::Party => "it was issued to another party (azp)".into(),
            TokenError::Expired => "it has expired (exp)".into(),
            TokenError::NotYet => "it is not valid yet (nbf, iat)".into(),
        }
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for TokenError {}
