//! Requests that a service makes itself: over TLS 1.2 or 1.3 by rustls, or plain to addresses that are
//! private. Nothing is set up before the first of them, so that a start does not pay for it.

mod connect;
pub(crate) mod crypto;
mod fetch;
mod pool;
mod roots;
mod stream;
mod url;

pub use connect::{Connector, SSL_CERT_FILE};
pub use fetch::{Limits, collect, fetch};
pub use pool::{Pool, PooledBody, Sending};
pub use url::{Origin, Url};
