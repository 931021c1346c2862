//! Why an issuer's documents are not available. The texts are for the log.

use std::fmt;
use std::time::Duration;

use hyper::StatusCode;

use super::metadata::DiscoveryError;
use crate::jwt::{KeySetError, TokenError};
use crate::outgoing::OutgoingError;

/// An issuer's document is not available now. That is not the client's fault, and passes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerError {
    /// When the next attempt is worth it.
    pub retry_after: Duration,
    /// Why the last attempt failed.
    pub cause: LoadError,
}

/// Why an attempt to load a document failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// A document could not be fetched.
    Fetch(FetchError),
    /// The issuer's metadata cannot be used.
    Discovery(DiscoveryError),
    /// The issuer's keys cannot be used.
    KeySet(KeySetError),
    /// Metadata and keys together took longer than this.
    Timeout(Duration),
    /// The attempt ended without an outcome.
    Aborted,
}

/// Why a document was not fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// This is not an http or https address.
    Address(String),
    /// The request failed.
    Request(OutgoingError),
    /// The response had another status than 200.
    Status {
        /// The document's address.
        url: String,
        /// The status of the response.
        status: StatusCode,
    },
    /// Another cause.
    Other(String),
}

/// Why a token is not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyError {
    /// The token is rejected.
    Token(TokenError),
    /// The issuer's keys are not available.
    Issuer(IssuerError),
}

impl fmt::Display for IssuerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Fetch(error) => error.fmt(f),
            LoadError::Discovery(error) => error.fmt(f),
            LoadError::KeySet(error) => error.fmt(f),
            LoadError::Timeout(limit) => write!(f, "no document arrived within {limit:?}"),
            LoadError::Aborted => f.write_str("the last fetch did not end"),
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FetchError::Address(address) => write!(f, "{address:?} is not an http or https address"),
            FetchError::Request(error) => error.fmt(f),
            FetchError::Status { url, status } => write!(f, "{url} returned {status}"),
            FetchError::Other(cause) => f.write_str(cause),
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            VerifyError::Token(error) => error.fmt(f),
            VerifyError::Issuer(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for IssuerError {}
impl std::error::Error for LoadError {}
impl std::error::Error for FetchError {}
impl std::error::Error for VerifyError {}

impl From<FetchError> for LoadError {
    fn from(error: FetchError) -> LoadError {
        LoadError::Fetch(error)
    }
}

impl From<DiscoveryError> for LoadError {
    fn from(error: DiscoveryError) -> LoadError {
        LoadError::Discovery(error)
    }
}

impl From<KeySetError> for LoadError {
    fn from(error: KeySetError) -> LoadError {
        LoadError::KeySet(error)
    }
}

impl From<OutgoingError> for FetchError {
    fn from(error: OutgoingError) -> FetchError {
        FetchError::Request(error)
    }
}

impl From<TokenError> for VerifyError {
    fn from(error: TokenError) -> VerifyError {
        VerifyError::Token(error)
    }
}

impl From<IssuerError> for VerifyError {
    fn from(error: IssuerError) -> VerifyError {
        VerifyError::Issuer(error)
    }
}
