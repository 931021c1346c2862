//! Why a request of the service's own failed.

use std::fmt;
use std::time::Duration;

/// Why a request that the service sent has no response. The texts are for the log: they name the origin, and no
/// header or body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutgoingError {
    /// No connection: the name has no address, or TCP or TLS failed.
    Connect {
        /// The origin.
        origin: String,
        /// The cause.
        cause: String,
    },
    /// No connection in time.
    ConnectTimeout {
        /// The origin.
        origin: String,
        /// The time that passed.
        after: Duration,
    },
    /// The connection ended before the response began.
    Broken {
        /// The origin.
        origin: String,
        /// The cause.
        cause: String,
    },
    /// The response's body broke off or was too long.
    Body {
        /// The origin.
        origin: String,
        /// What was wrong.
        error: BodyError,
    },
    /// No complete response in time.
    Timeout {
        /// The origin.
        origin: String,
        /// The time that passed.
        after: Duration,
    },
}

/// Why a response's body is not complete. The text continues a sentence that begins with the origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// It ended early; the cause.
    Broken(String),
    /// It is longer than this many bytes.
    TooLong(usize),
    /// This service has no memory for it.
    OutOfMemory,
}

impl fmt::Display for OutgoingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OutgoingError::Connect { origin, cause } => write!(f, "cannot connect to {origin}: {cause}"),
            OutgoingError::ConnectTimeout { origin, after } => {
                write!(f, "{origin} did not connect within {after:?}")
            }
            OutgoingError::Broken { origin, cause } => {
                write!(f, "{origin} broke off before it responded: {cause}")
            }
            OutgoingError::Body { origin, error } => write!(f, "{origin} {error}"),
            OutgoingError::Timeout { origin, after } => {
                write!(f, "{origin} did not respond within {after:?}")
            }
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BodyError::Broken(cause) => write!(f, "broke off: {cause}"),
            BodyError::TooLong(limit) => write!(f, "sent more than {limit} bytes"),
            BodyError::OutOfMemory => f.write_str("sent more than there is memory for here"),
        }
    }
}

impl std::error::Error for OutgoingError {}
impl std::error::Error for BodyError {}

impl From<OutgoingError> for String {
    fn from(error: OutgoingError) -> String {
        error.to_string()
    }
}

impl From<BodyError> for String {
    fn from(error: BodyError) -> String {
        error.to_string()
    }
}
