//! An issuer's documents: its metadata (OpenID Connect Discovery 1.0) and its public keys (JWK set). They are fetched
//! when they are first needed, shared by all requests that wait for them, and kept for a while.

mod cache;
pub mod discovery;
mod error;
mod fetch;
mod key_source;
mod max_age;
mod metadata;

pub use discovery::{Discovery, DiscoveryError};
pub use error::{FetchError, IssuerError, LoadError, VerifyError};
pub use fetch::{Document, FetchDocument, fetch_over};
pub use key_source::{KeySource, Location};
pub use metadata::Metadata;

pub use crate::jwt::{KeySet, MAX_DOCUMENT};
