//! Requests that a service sends itself: over TLS 1.2 or 1.3 by rustls, or unencrypted to private addresses. Nothing
//! is set up before the first of them, so that start-up does not pay for it.

#[cfg(any(feature = "serde", test))]
mod client;
mod connect;
pub(crate) mod crypto;
mod error;
mod fetch;
mod pool;
mod roots;
mod transport;
mod url;

pub use crate::web::Origin;
#[cfg(any(feature = "serde", test))]
pub use client::HttpClient;
pub use connect::{Connector, SSL_CERT_FILE};
pub use error::{BodyError, OutgoingError};
pub use fetch::{Limits, collect, fetch};
pub use pool::{Pool, PooledBody, Sending};
pub use url::Url;
